"""Dated numbers, each with its source."""
