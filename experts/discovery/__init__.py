"""Discovery: which experts a machine already offers, when none is configured."""
