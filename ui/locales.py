"""Names and texts in any script, whatever the locale says: the command line always speaks UTF-8."""

from __future__ import annotations

import io
import locale
import os
import sys


def speak_utf8() -> None:
    """Where the locale is another (Latin-1, Big5), the command begins again in Python's UTF-8 mode: file names, files and streams
    are UTF-8 then. A name that is not even that is shown escaped and never ends a command.
    """
    names = (locale.getpreferredencoding(False), sys.getfilesystemencoding())
    if (
        any(name.lower().replace("-", "") != "utf8" for name in names)
        and not sys.flags.utf8_mode
        and os.name == "posix"
    ):
        os.environ["PYTHONUTF8"] = "1"
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
