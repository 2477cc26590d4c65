"""How to look: a submission becomes facts, facts and rules become a report.

Data flows one way: load -> decode -> claims, runs, configuration -> program -> rules -> verdict -> render.
"""

__version__ = "0.1.0"
