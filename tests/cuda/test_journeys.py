"""The journeys between devices, as the example programs of examples/devices: on the simulated runtime with its printed output, on the
real library with what it says where there is no driver. What they save on a device, PyTorch opens on the CPU."""
import os
import pathlib
import subprocess

import pytest
import torch

PROGRAMS = pathlib.Path(os.environ["TARC_BIN"]) / "examples/devices"
if not PROGRAMS.is_dir():
    pytest.skip("built without the CUDA toolkit", allow_module_level=True)

SAME = "fc1.weight(63, 9) = 1.5, fc2.bias(9) = 3\n"
OUTPUT = {
    "gpu_to_cpu": "loaded: fc1 on cpu, fc2 on cpu, " + SAME,
    "gpu_to_gpu": "loaded: fc1 on cuda:0, fc2 on cuda:0, " + SAME + "in place: fc1 on cuda:0, fc2 on cuda:0, " + SAME,
    "cpu_to_gpu": "loaded: fc1 on cuda:0, fc2 on cuda:0, " + SAME + "fallback: fc1 on cuda:0, fc2 on cuda:0, " + SAME,
    "data_parallel": "loaded: fc1 on cuda:0, fc2 on cuda:0, " + SAME,
    "gpu1_to_gpu0": "loaded: fc1 on cuda:0, fc2 on cuda:0, " + SAME + "copied: fc1.weight from cuda:1 to cuda:0\n",
    "two_devices": "by layer: fc1 on cuda:0, fc2 on cuda:1, " + SAME + "as saved: fc1 on cuda:0, fc2 on cuda:1, " + SAME
                   + "by size: fc1 on cuda:0, fc2 on cuda:1, " + SAME,
}
ORDERS = ["prompt", "random", "late", "reversed"]


def journey(name, folder, *arguments, simulated=True, **environment):
    environment = os.environ | environment
    environment.pop("LD_LIBRARY_PATH", None)
    if simulated:
        environment["LD_LIBRARY_PATH"] = os.environ["TARC_CUDA_SIMULATION"]
    return subprocess.run([PROGRAMS / name, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_each_program_is_tested():
    assert sorted(p.name for p in PROGRAMS.iterdir()) == sorted(OUTPUT)


@pytest.mark.parametrize("name", OUTPUT)
@pytest.mark.parametrize("order", ORDERS)
def test_simulated(name, order, tmp_path):
    done = journey(name, tmp_path, CUDA_SIM_ORDER=order)
    print(f"simulated, {order}: {name}\n{done.stdout}{done.stderr}")
    assert (done.returncode, done.stdout, done.stderr) == (0, OUTPUT[name], "")  # 86: a leak or a misuse


@pytest.mark.parametrize("name", OUTPUT)
def test_real_library(name, tmp_path):
    done = journey(name, tmp_path, simulated=False)
    print(f"real library: {name}\n{done.stdout}{done.stderr}")
    if done.returncode == 0:  # devices are here
        assert done.stdout == OUTPUT[name]
        return
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "no CUDA driver" in done.stderr or "no CUDA device" in done.stderr or "CUDA device is" in done.stderr
    assert '"cuda:' in done.stderr


@pytest.mark.parametrize("name", OUTPUT)
@pytest.mark.parametrize("setting, words", [
    ({"CUDA_SIM_DRIVER": "0"}, "no CUDA driver is installed"),
    ({"CUDA_SIM_DEVICES": "0"}, "no CUDA device is present"),
    ({"CUDA_SIM_MEMORY": "2048"}, "cannot allocate"),
    ({"CUDA_SIM_FAIL_WORK": "1:700"}, "start the process anew"),
])
def test_errors(name, setting, words, tmp_path):
    done = journey(name, tmp_path, **setting)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("error: ") and words in done.stderr


def test_one_device_of_two(tmp_path):
    done = journey("gpu1_to_gpu0", tmp_path, CUDA_SIM_DEVICES="1")
    assert done.returncode == 1
    assert 'the only CUDA device is "cuda:0"' in done.stderr


@pytest.mark.parametrize("name, file, tags", [("gpu_to_cpu", "gpu.pt", {"cuda:0"}), ("gpu1_to_gpu0", "gpu1.pt", {"cuda:1"}),
                                              ("two_devices", "split.pt", {"cuda:0", "cuda:1"})])
def test_pytorch_opens_what_was_saved_on_a_device(name, file, tags, tmp_path):
    assert journey(name, tmp_path).returncode == 0
    seen = set()

    def place(storage, tag):
        seen.add(tag)
        return storage

    state = torch.load(tmp_path / file, map_location=place, weights_only=True)
    assert seen == tags
    assert list(state) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert torch.equal(state["fc2.weight"], torch.full((10, 64), -2.0))
    assert torch.equal(torch.load(tmp_path / file, map_location="cpu", weights_only=True)["fc1.bias"], torch.full((64,), 0.25))
    with pytest.raises(RuntimeError, match="CUDA"):  # the tag is real: without a map_location PyTorch wants the device
        if torch.cuda.is_available():
            raise RuntimeError("CUDA is here")
        torch.load(tmp_path / file, weights_only=True)


@pytest.mark.parametrize("location", ["cpu", "cuda:0", "cuda:1"])
def test_data_parallel_file_of_pytorch(location, tmp_path):
    model = torch.nn.Sequential()
    model.fc1, model.fc2 = torch.nn.Linear(10, 64), torch.nn.Linear(64, 10)
    torch.nn.init.constant_(model.fc1.weight, 1.5)
    torch.nn.init.constant_(model.fc2.bias, 3.0)
    parallel = torch.nn.DataParallel(model)
    torch.save(parallel.state_dict(), tmp_path / "pytorch.pt")
    done = journey("data_parallel", tmp_path, "pytorch.pt", location)
    assert (done.returncode, done.stdout) == (0, f"loaded: fc1 on {location}, fc2 on {location}, " + SAME), done.stderr
