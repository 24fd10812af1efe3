"""What usage comes to by minute, hour and day, so that a year of it is summed up in milliseconds."""
