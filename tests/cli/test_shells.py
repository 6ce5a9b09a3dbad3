"""What `tarc` is in a shell: examples that work, completion, progress on a terminal, and ends that leave nothing behind."""

import fcntl
import os
import pty
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import termios
import time

import pytest
import torch

from command_line import TARC, failed, tarc

COMMANDS = ("ls", "verify", "diff", "extract", "convert", "schema", "completion", "help")


@pytest.fixture
def shell(tmp_path):
    """Runs a line of bash in a folder where the files of the examples are."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tarc").symlink_to(TARC)
    folder = tmp_path / "work"
    folder.mkdir()
    model, other = (torch.nn.Sequential(torch.nn.Linear(3, 2)) for _ in range(2))
    run = {"epoch": 5, "model_state_dict": model.state_dict(), "loss": 0.25}
    torch.save(run, folder / "run.pt")
    torch.save(run | {"epoch": 6, "model_state_dict": other.state_dict()}, folder / "best.pt")
    torch.save(model.state_dict(), folder / "state_dict.pt")

    def run_line(line, program="bash", **options):
        environment = os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
        arguments = [program, "--norc", "-c", line] if program == "bash" else [program, "-f", "-c", line]
        return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False,
                              **options)  # fmt: skip

    run_line.folder = folder
    return run_line


def test_examples_of_the_help_work(shell):
    texts = [tarc("--help").stdout.decode()] + [tarc(c, "--help").stdout.decode() for c in COMMANDS]
    assert all(len(line) <= 120 for text in texts for line in text.splitlines())
    for text in texts:
        examples = re.findall(r"^  \$ (.*)$", text, re.M)
        assert examples
        for line in examples:
            done = shell(line)
            assert done.returncode == (1 if line == "tarc diff run.pt best.pt" else 0), (line, done.stderr)
            assert not done.stderr or "best.pt differ" in done.stderr, line
    assert {"weights.pt", "weights.safetensors", "state_dict.safetensors", "run.schema.hpp", "_tarc"} <= set(os.listdir(shell.folder))


def complete(shell, *words):
    """What bash offers for the last word, as readline would ask for it."""
    quoted = " ".join(f"'{w}'" for w in words)
    done = shell(
        f"source <(tarc completion bash); COMP_WORDS=({quoted}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
        'complete -p tarc >/dev/null && _tarc && printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    return set(done.stdout.split("\n")) - {""}


def test_completion_in_bash(shell):
    (shell.folder / "two words.pt").touch()
    files = {"run.pt", "best.pt", "state_dict.pt", "two words.pt"}
    assert complete(shell, "tarc", "") == {*COMMANDS, "--help", "--version"}
    assert complete(shell, "tarc", "con") == {"convert"}
    assert complete(shell, "tarc", "ls", "--") == {"--tree", "--paths", "--json", "--crc", "--sort", "--state-dict", "--help"}
    assert complete(shell, "tarc", "ls", "") == complete(shell, "tarc", "diff", "run.pt", "") == files
    assert complete(shell, "tarc", "ls", "two") == {"two words.pt"}
    assert complete(shell, "tarc", "convert", "run.pt", "x", "--to", "s") == {"safetensors"}
    assert complete(shell, "tarc", "convert", "run.pt", "x", "--to", "=", "n") == {"npz"}
    assert complete(shell, "tarc", "convert", "run.pt", "x", "--to", "=") == {"torch", "safetensors", "npz"}
    assert complete(shell, "tarc", "convert", "--map-location", "") == set()
    assert complete(shell, "tarc", "extract", "run.pt", "a", "-o", "b") == {"best.pt"}
    assert complete(shell, "tarc", "completion", "z") == {"zsh"}
    assert complete(shell, "tarc", "help", "") == set(COMMANDS)
    # every option of every help is offered
    for command in COMMANDS:
        options = set(re.findall(r"^  (-[-\w]+)", tarc(command, "--help").stdout.decode(), re.M))
        assert complete(shell, "tarc", command, "-") == options | {"--help"}


def until(main, word):
    """What a terminal says until it says that word, or, with None, until it has said something and no more."""
    text, quiet = "", 10 if word else 1
    while word is None or word not in text:
        if not select.select([main], [], [], quiet)[0]:
            break
        text += os.read(main, 65536).decode(errors="replace")
    return text


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
def test_completion_in_zsh(shell):
    assert shell("tarc completion zsh > _tarc; zsh -n _tarc").stderr == ""
    ready = "".join(("rea", "dy"))  # not as it is typed

    def offered(line):
        """What zsh's line editor prints when the tab key is hit behind a line."""
        main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        environment = os.environ | {"PS1": "", "TERM": "xterm", "PATH": f"{shell.folder.parent}/bin:{os.environ['PATH']}"}
        process = subprocess.Popen(["zsh", "-f", "-i"], stdin=side, stdout=side, stderr=side, cwd=shell.folder, env=environment,
                                   start_new_session=True)  # fmt: skip
        os.close(side)
        os.write(main, b"PROMPT_EOL_MARK=; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; setopt nolistbeep; print rea''dy\n")
        until(main, ready)
        os.write(main, line.encode() + b"\t")
        text = until(main, None)
        process.kill()
        process.wait()
        os.close(main)
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)

    text = offered("tarc ")
    assert all(command in text for command in COMMANDS)
    text = offered("tarc convert --")
    assert "--map-location" in text and "--codec" in text and "--help" in text
    text = offered("tarc convert --to=")
    assert "safetensors" in text and "npz" in text
    assert "best.pt" in offered("tarc diff ")


# -- a terminal --------------------------------------------------------------------------------------------------------


def on_terminal(words, environment):
    """Starts it with standard error on a terminal of 80 columns; the process and that terminal."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen([TARC, *map(str, words)], stdout=subprocess.PIPE, stderr=side, env=os.environ | environment)
    os.close(side)
    return process, main


def drain(main):
    text = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:
            break
        if not part:
            break
        text += part
    os.close(main)
    return text


def test_progress(tmp_path):
    """A first storage whose views take a second, and a second storage at which the bar is seen."""
    slow, quick = tmp_path / "slow.pt", tmp_path / "quick.pt"
    t = torch.zeros(2500, 2000)
    torch.save([t[i:].t() for i in range(30)] + [torch.ones(1 << 20)], slow)
    torch.save(torch.ones(4), quick)
    for file, environment, shown in ((slow, {"TERM": "xterm"}, True), (slow, {"TERM": "dumb"}, False), (quick, {"TERM": "xterm"}, False)):
        process, main = on_terminal(["ls", "--json", "--crc", file], environment)
        out = process.stdout.read()
        text = drain(main)
        assert process.wait() == 0 and out.startswith(b'{"entries"')
        assert (b"ls --crc [=" in text and re.search(rb"\d%, [\d.]+ MB/s", text) is not None) == shown
        if shown:
            assert text.endswith(b"\r\x1b[K") and max(map(len, text.split(b"\r\x1b[K"))) < 80
        else:
            assert text == b""
    done = tarc("ls", "--crc", slow, env=os.environ | {"TERM": "xterm"})
    assert done.stderr == b"" and b"\x1b" not in done.stdout


# -- ends --------------------------------------------------------------------------------------------------------------


def test_a_reader_that_has_seen_enough(shell):
    torch.save({str(i): i for i in range(100_000)}, shell.folder / "long.pt")
    for line in ("tarc ls long.pt | head -n 2", "tarc ls --json long.pt | head -n 2", "trap '' PIPE; tarc ls long.pt | head -n 2",
                 "tarc diff long.pt run.pt | head -n 2"):  # fmt: skip
        done = shell(line)
        assert done.stderr == "" and done.stdout.count("\n") == 2, line


def test_an_interrupted_write_leaves_nothing(tmp_path):
    source, out = tmp_path / "big.pt", tmp_path / "out" / "big.pt"
    out.parent.mkdir()
    torch.save(torch.zeros(50 << 20), source)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        process = subprocess.Popen([TARC, "convert", source, out], stderr=subprocess.PIPE)
        while not any(out.parent.iterdir()) and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(number)
        assert process.wait() == -number and process.stderr.read() == b""
        assert list(out.parent.iterdir()) == []


def test_a_limit_on_the_size_of_files_is_an_error(tmp_path):
    source, out = tmp_path / "big.pt", tmp_path / "out" / "big.pt"
    out.parent.mkdir()
    torch.save(torch.zeros(1 << 20), source)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = subprocess.run([TARC, "convert", source, out], capture_output=True, preexec_fn=limit)
    assert "File too large" in failed(done) and list(out.parent.iterdir()) == []
