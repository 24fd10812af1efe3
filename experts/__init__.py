"""Experts: the catalogue of what can answer a request, and everything it takes to call one well."""
