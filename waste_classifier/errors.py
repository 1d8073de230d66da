"""The errors that are the user's to mend."""


class InputError(Exception):
    """Something that the user gave is wrong.

    Its text names the file or key, says what is wrong with it and how to mend it.
    """


class PhotoError(InputError):
    """A photo can't be read; its text begins with the name of the photo."""
