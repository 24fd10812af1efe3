"""Providers: one module a wire, all with the interface of :mod:`experts.providers.protocol`."""
