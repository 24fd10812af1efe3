"""Answers to requests that are only alike: candidates, what rules them out, and how sure is enough.

Texts come as vectors and as strings; whoever uses this embeds them. All of it is pure.
"""
