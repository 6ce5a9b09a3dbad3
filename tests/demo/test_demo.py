"""The demo, run as `./dev demo` runs it, and its checks, each shown to fail when what it checks is wrong.

TARC_BIN is the folder that has tarc_demo; examples/ is beside this file's folder.
"""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
DIGITS = EXAMPLES / "data" / "digits.pt"
CHECKPOINT = EXAMPLES / "data" / "checkpoint.pt"
sys.path.insert(0, str(EXAMPLES / "data"))
import digits_net  # noqa: E402

digits_net.deterministic()

PROGRAM = Path(os.environ.get("TARC_BIN", ROOT / "build" / "bin")) / "tarc_demo"


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=600)


def run_continue(folder):
    return run(sys.executable, "-B", EXAMPLES / "demo" / "continue.py", DIGITS, CHECKPOINT, folder / "continued.pt",
               folder / "losses.jsonl", folder / "losses.png", "--epochs", "1")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder and the output of one run of the demo."""
    folder = tmp_path_factory.mktemp("demo") / "out put"
    done = run(EXAMPLES / "demo" / "demo.sh", PROGRAM, sys.executable, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture
def copy(demo, tmp_path):
    """A folder with the files of that run, to be spoilt."""
    for name in ("continued.pt", "losses.jsonl"):
        (tmp_path / name).write_bytes((demo[0] / name).read_bytes())
    return tmp_path


def spoil(folder, change):
    checkpoint = torch.load(folder / "continued.pt", weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, folder / "continued.pt")


def test_prints_what_it_found_and_the_losses(demo):
    folder, output = demo
    assert "epoch 3, loss 0.987886" in output
    assert "10 tensors, 19754 parameters" in output
    assert "SGD, lr 0.005, momentum 0.9, 10 parameters, 10 momentum buffers" in output
    rows = re.findall(r"^ +(\d+) +(C\+\+|PyTorch) +([\d.]+) +([\d.]+) +\S+ +\S+$", output, re.M)
    assert [(int(r[0]), r[1]) for r in rows] == list(zip(range(4, 10), ["C++"] * 3 + ["PyTorch"] * 3))
    for _, _, chain, alone in rows:
        assert abs(float(chain) - float(alone)) < 1e-5
    assert float(rows[-1][2]) < float(rows[0][2]) / 2, "it learns"
    assert f"picture: {folder / 'losses.png'}" in output


def test_draws_a_picture(demo):
    data = (demo[0] / "losses.png").read_bytes()
    assert data.startswith(b"\x89PNG") and len(data) > 20_000


def test_plain_output_has_no_control_characters(demo):
    assert "\r" not in demo[1] and "\x1b" not in demo[1]


def test_saved_file_has_the_form_of_the_one_it_came_from(demo):
    before = torch.load(CHECKPOINT, weights_only=True)
    after = torch.load(demo[0] / "continued.pt", weights_only=True)
    assert list(after) == list(before)
    assert after["epoch"] == 6 and type(after["loss"]) is float
    assert list(after["model_state_dict"]) == list(before["model_state_dict"])
    for key, old in before["model_state_dict"].items():
        new = after["model_state_dict"][key]
        assert (new.dtype, new.shape) == (old.dtype, old.shape) and not torch.equal(new, old), key
    old, new = before["optimizer_state_dict"], after["optimizer_state_dict"]
    assert list(new["state"]) == list(range(10))
    for index, state in new["state"].items():
        assert state["momentum_buffer"].shape == old["state"][index]["momentum_buffer"].shape
    (old_group,), (new_group,) = old["param_groups"], new["param_groups"]
    assert {k: new_group[k] for k in old_group} == old_group


def test_cpp_alone_follows_pytorch_alone(demo):
    """Mean of the batches, as logged, is the loss that was saved; the batches are those of three epochs."""
    lines = [json.loads(line) for line in (demo[0] / "losses.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["evaluate", "epoch", "epoch", "epoch", "evaluate"]
    for line in lines[1:4]:
        assert len(line["batch_losses"]) == 30
        assert sum(line["batch_losses"]) / 30 == pytest.approx(line["loss"], abs=1e-12)
    assert torch.load(demo[0] / "continued.pt", weights_only=True)["loss"] == lines[3]["loss"]
    assert (lines[0]["correct"], len(lines[0]["classes"])) == (236, 297)


def test_fails_beyond_the_bound(demo, tmp_path):
    done = run(EXAMPLES / "demo" / "demo.sh", PROGRAM, sys.executable, tmp_path, "--bound", "1e-12")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "MORE THAN the bound of 1e-12" in done.stdout


def test_the_copy_passes(copy):
    done = run_continue(copy)
    assert done.returncode == 0, done.stdout + done.stderr


def test_fails_without_the_momentum(copy):
    def zero(checkpoint):
        for state in checkpoint["optimizer_state_dict"]["state"].values():
            state["momentum_buffer"].zero_()

    spoil(copy, zero)
    done = run_continue(copy)
    assert done.returncode == 1 and "MORE THAN the bound" in done.stdout, done.stdout + done.stderr


def test_fails_on_one_other_class(copy):
    lines = [json.loads(line) for line in (copy / "losses.jsonl").read_text().splitlines()]
    lines[-1]["classes"][0] = (lines[-1]["classes"][0] + 1) % 10
    (copy / "losses.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run_continue(copy)
    assert done.returncode == 1 and "do not classify alike" in done.stderr, done.stdout + done.stderr


def test_fails_on_a_missing_key(copy):
    spoil(copy, lambda checkpoint: checkpoint["model_state_dict"].pop("fc2.bias"))
    done = run_continue(copy)
    assert done.returncode == 1 and "fc2.bias" in done.stderr


def test_the_program_says_what_is_wrong(tmp_path):
    assert run(PROGRAM).returncode == 2
    assert run(PROGRAM, DIGITS, CHECKPOINT, tmp_path / "o.pt", tmp_path / "l", "many").returncode == 2
    for digits, checkpoint in ((tmp_path / "none.pt", CHECKPOINT), (DIGITS, DIGITS), (CHECKPOINT, CHECKPOINT)):
        done = run(PROGRAM, digits, checkpoint, tmp_path / "o.pt", tmp_path / "l")
        assert done.returncode == 1 and done.stderr.startswith("tarc_demo: error: "), done.stderr
        assert not (tmp_path / "o.pt").exists()


@pytest.mark.parametrize("change, word", [
    (lambda d: d["labels"].__setitem__(7, 10), "labels"),
    (lambda d: d.update(labels=d["labels"][:-1]), "labels"),
    (lambda d: d.update(test=[1500, 1798]), "ranges"),
    (lambda d: d.update(train=[3, 3]), "ranges"),
])
def test_refuses_other_digits(tmp_path, change, word):
    digits = torch.load(DIGITS, weights_only=True)
    change(digits)
    torch.save(digits, tmp_path / "digits.pt")
    done = run(PROGRAM, tmp_path / "digits.pt", CHECKPOINT, tmp_path / "o.pt", tmp_path / "l")
    assert done.returncode == 1 and word in done.stderr, done.stderr


def fresh(checkpoint):
    checkpoint["optimizer_state_dict"]["state"] = {}


def group(**options):
    return lambda checkpoint: checkpoint["optimizer_state_dict"]["param_groups"][0].update(options)


@pytest.mark.parametrize("change", [
    fresh, group(momentum=0.0), group(weight_decay=0.05), group(nesterov=True), group(dampening=0.5),
    group(maximize=True, lr=0.0002, weight_decay=0.05),
], ids=["fresh", "plain", "weight_decay", "nesterov", "dampening", "maximize"])
def test_the_rule_is_that_of_torch_sgd(tmp_path, change):
    """One epoch from a checkpoint with other settings, in C++ and in PyTorch: losses, weights and momentum agree.

    PyTorch computes in float64: its float32 kernels differ between processors, and where a unit lies within a rounding of
    ReLU's corner one of them takes the other side, after which its losses go another way by a thousandth.
    """
    digits = torch.load(DIGITS, weights_only=True)
    original = torch.load(CHECKPOINT, weights_only=True)
    changed = torch.load(CHECKPOINT, weights_only=True)
    change(changed)
    torch.save(changed, tmp_path / "changed.pt")

    def one_epoch(checkpoint):
        net = digits_net.Net()
        net.load_state_dict(checkpoint["model_state_dict"])
        net.double()
        optimizer = digits_net.make_optimizer(net)
        optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
        exact = digits | {"images": digits["images"].double()}
        losses = digits_net.train_epoch(net, optimizer, exact, checkpoint["epoch"])
        return torch.tensor(losses, dtype=torch.float64), net.state_dict(), optimizer.state_dict()

    losses, model, optimizer = one_epoch(changed)
    assert (losses - one_epoch(original)[0]).abs().max() > 1e-3, "the settings make a difference"

    done = run(PROGRAM, DIGITS, tmp_path / "changed.pt", tmp_path / "o.pt", tmp_path / "l", "1")
    assert done.returncode == 0, done.stderr
    saved = torch.load(tmp_path / "o.pt", weights_only=True)
    logged = [json.loads(line) for line in (tmp_path / "l").read_text().splitlines()][1]["batch_losses"]
    torch.testing.assert_close(torch.tensor(logged, dtype=torch.float64), losses, atol=1e-5, rtol=0)
    for key, value in model.items():
        torch.testing.assert_close(saved["model_state_dict"][key].double(), value, atol=1e-5, rtol=0)
    assert list(saved["optimizer_state_dict"]["state"]) == list(optimizer["state"])
    for index, state in optimizer["state"].items():
        buffer = saved["optimizer_state_dict"]["state"][index].get("momentum_buffer")
        if state.get("momentum_buffer") is not None:
            torch.testing.assert_close(buffer.double(), state["momentum_buffer"], atol=1e-4, rtol=0)


def test_a_terminal_gets_a_bar(tmp_path):
    master, slave = pty.openpty()
    child = subprocess.Popen([PROGRAM, DIGITS, CHECKPOINT, tmp_path / "o.pt", tmp_path / "l", "1"], stdout=slave)
    os.close(slave)
    output = b""
    try:
        while chunk := os.read(master, 65536):
            output += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(master)
    assert child.wait(timeout=600) == 0
    assert output.count(b"\r  epoch 4 [") == 30 and b"[##############################] 30/30" in output


def test_digits_are_scikit_learns():
    pytest.importorskip("sklearn")
    import make_data

    kept, made = torch.load(DIGITS, weights_only=True), make_data.make_digits()
    assert torch.equal(kept["images"], made["images"]) and torch.equal(kept["labels"], made["labels"])
    assert (kept["train"], kept["test"]) == (made["train"], made["test"])
