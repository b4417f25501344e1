"""``python -m wavebuild`` is the command ``wavebuild``.

It does not know any command.
"""

from wavebuild.ui.front import main

if __name__ == "__main__":
    main()
