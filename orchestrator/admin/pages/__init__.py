"""One module for each page, or a folder where a page has many parts."""
