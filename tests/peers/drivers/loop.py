"""The conversation of every driver; runs in a client's environment, standard library only."""

import json
import sys


def serve(commands):
    """``commands``: name -> function of the given members."""
    for line in sys.stdin:
        given = json.loads(line)
        try:
            answer = {"result": commands[given.pop("what")](**given)}
        except Exception as error:
            answer = {"error": type(error).__name__, "text": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
