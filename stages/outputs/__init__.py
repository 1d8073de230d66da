"""What one stage hands another: a module per hand-off, with its path, columns, reader and writer.

`whole` is how each of them is written (whole or not at all), `tables` and `documents` are the two
forms that most have.
"""
