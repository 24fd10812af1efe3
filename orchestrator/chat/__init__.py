"""The chat endpoints: from a request to an answered, recorded, explained one."""
