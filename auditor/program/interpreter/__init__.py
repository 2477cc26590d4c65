"""The abstract run of a program: a machine and what it does with each kind of syntax and call."""

from auditor.program.interpreter.language import attributes, calls, expressions, statements
from auditor.program.interpreter.machine import Verbs

VERBS = Verbs(statements.execute, expressions.evaluate, attributes.attribute, calls.call, calls.invoke)
