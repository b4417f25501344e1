"""EVENTS → PEOPLE: the command line, the words, the screens and the JSON.

It does not know how anything is decided or run. The way through:

- ``cli`` the commands and their flags; ``arguments`` one form for every command line;
  ``asking`` flags → request; ``caller`` streams, environment, engine; ``commands`` one function a command
- ``view`` events → picture (pure); ``plain`` picture → lines on a terminal or a log; ``event_lines`` events → file
- ``answers`` plan, status, list, explain, check, clean as text; ``drawing`` the graph; ``tables`` columns and wrapping
- ``records`` the JSON shapes
- ``words`` every word; ``escapes`` makes foreign text harmless; ``style`` what a stream can show; ``logs`` reads logs;
  ``excerpts`` the source lines of late problems
"""
