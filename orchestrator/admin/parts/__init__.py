"""What pages are made of: text, numbers, tables, charts, states, dialogs."""
