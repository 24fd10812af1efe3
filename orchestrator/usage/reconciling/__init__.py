"""What a vendor's invoice says beside what was recorded here: read, compared, explained. Pure."""
