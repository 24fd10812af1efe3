"""An operator's own checks of what goes to experts and of what they answer."""
