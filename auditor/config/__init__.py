"""The configuration: the value of every switch that decides which path runs, each with its source."""

from auditor.config.model import Configuration, Conflict, Scalar, Setting, SettingSource
from auditor.config.resolve import configure
from auditor.config.unread import with_unread_dumps

__all__ = ["Configuration", "Conflict", "Scalar", "Setting", "SettingSource", "configure", "with_unread_dumps"]
