#!/usr/bin/python3
"""Run a command on a terminal of its own and act on what it shows, in order.

    terminal.py COLUMNSxROWS COMMAND... <<END
    expect TEXT     wait until it has shown TEXT, behind what was expected before
    run COMMAND     run a shell command and wait for it
    type TEXT       as if typed; ^C is the interrupt key, ^M the return key
    END

Prints all that was shown and ends with the command's exit code; 99: something expected did not come.
"""
import fcntl, os, pty, select, struct, subprocess, sys, termios

LIMIT_S = 60  # a step that takes so long has failed


def read_more(fd, shown):
    """False at the end."""
    if not select.select([fd], [], [], LIMIT_S)[0]:
        raise TimeoutError
    try:
        part = os.read(fd, 65536)
    except OSError:  # the other end is closed
        return False
    shown += part
    return bool(part)


def act(fd, steps, shown):
    at = 0
    for step in steps:
        verb, _, text = step.partition(" ")
        if verb == "expect":
            wanted = text.encode()
            while shown.find(wanted, at) < 0:
                if not read_more(fd, shown):
                    raise EOFError(text)
            at = shown.find(wanted, at) + len(wanted)
        elif verb == "run":
            subprocess.run(text, shell=True, check=True)
        elif verb == "type":
            os.write(fd, text.replace("^C", "\x03").replace("^M", "\r").encode())
    while read_more(fd, shown):
        pass


def main():
    columns, rows = map(int, sys.argv[1].split("x"))
    steps = [line.strip() for line in sys.stdin if line.strip()]
    child, fd = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execvp(sys.argv[2], sys.argv[2:])
    shown = bytearray()
    failed = None
    try:
        act(fd, steps, shown)
    except (EOFError, TimeoutError, subprocess.CalledProcessError) as error:
        failed = error
        os.close(fd)
    sys.stdout.write(shown.decode("utf-8", "replace").replace("\r\n", "\n"))
    sys.stdout.flush()
    if failed:
        print(f"\nnot shown, or not run: {failed}")
        sys.exit(99)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)


main()
