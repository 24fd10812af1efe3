"""What people work on a router with: categories, diagnostics, scores, budgets, versions compared."""
