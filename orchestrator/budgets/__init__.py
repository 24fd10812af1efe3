"""How much of their budgets tenants and keys have used, and when they will be used up."""
