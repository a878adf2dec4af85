"""Labelled drives as other programs read them, a format a file. All are written in one pass, a record at a time, so that memory stays flat."""
