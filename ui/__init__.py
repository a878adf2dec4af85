"""What people touch: the command line (`ui.cli`) and the page (`ui.app`)."""
