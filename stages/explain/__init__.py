"""Shows why the classifier decides as it does, and checks that what it shows matters."""
