"""Router versions and the one that decides now."""
