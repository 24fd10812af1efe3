"""The conductor: strategies that answer one task with several expert calls, checked and bounded."""
