"""What an audit may take of the machine, and what it leaves behind: nothing.

A leaf of the house: it knows processes and folders, and nothing of submissions.
"""
