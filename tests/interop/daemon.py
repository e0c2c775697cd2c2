"""A real crmd in a temporary directory on a free loopback port: init, run, SIGTERM."""
import os
import pathlib
import select
import signal
import subprocess
import tempfile
import time

PASSWORD = "correct horse battery"
START_SECONDS = 60  # a bound for a machine under load, not a wait


class Daemon:
    """Used with `with`: the server runs inside the block and its directory goes with it."""

    def __init__(self, binary):
        self._binary = binary
        self._temporary = tempfile.TemporaryDirectory(prefix="crm-interop-")
        self.folder = pathlib.Path(self._temporary.name)
        self.directory = self.folder / "server"
        self.process = None
        self.port = None

    @property
    def ca(self):
        return self.directory / "ca.crt"

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.terminate()
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._temporary.cleanup()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def _start(self):
        environment = dict(os.environ, CRM_PASSWORD=PASSWORD, TZ="UTC", LC_ALL="C.UTF-8")
        subprocess.run([self._binary, "init", str(self.directory), "--listen", "127.0.0.1:0", "--name", "localhost",
                        "--admin", "admin"], env=environment, check=True, stdout=subprocess.DEVNULL, timeout=START_SECONDS)
        port_file = self.folder / "port"
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen([self._binary, "run", str(self.directory), "--port-file", str(port_file)],
                                            env=environment, stdout=log, stderr=subprocess.STDOUT)
        give_up = time.monotonic() + START_SECONDS
        while not port_file.exists():  # it appears whole
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError("crmd did not start:\n" + self.log())
            select.select([], [], [], 0.01)
        self.port = int(port_file.read_text())
