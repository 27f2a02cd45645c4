"""Runs a command in a terminal of its own and types answers: terminal.py ANSWERS COMMAND…

ANSWERS is JSON, a list of [prompt, answer], or [prompt, answer, "seen"] where the terminal shows
what is typed, unlike a passphrase. What the terminal showed is printed.
"""

import json
import os
import pty
import sys
import termios
import time

answers = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:
        break
    if not part:
        break
    shown += part
    if answers and answers[0][0].encode() in shown:
        # A person types after the prompt is there and the echo is off; both take a moment.
        for _ in range(1000 if len(answers[0]) == 2 else 0):
            if not termios.tcgetattr(terminal)[3] & termios.ECHO:
                break
            time.sleep(0.01)
        os.write(terminal, answers.pop(0)[1].encode() + b"\n")
        os.write(1, shown)
        shown = b""
os.write(1, shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
