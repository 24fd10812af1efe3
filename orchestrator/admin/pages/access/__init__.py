"""People, keys and money: tenants, their keys, limits and budgets, sessions, and the audit log."""
