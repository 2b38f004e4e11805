"""minikube's commands, and what its answers mean: recorded ones, or in the documented shapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from allup.commands import Ended
from allup.errors import AllupError, InputError
from allup.providers.interface import CannotDo, Wanted
from allup.providers.minikube import answers, names
from allup.providers.minikube.answers import Profile
from allup.providers.minikube.commands import Commands, without_docker_env
from allup.providers.minikube.comparing import compare, megabytes
from allup.providers.minikube.provider import Minikube
from tests.unit.providers.recorded_tools import Answers, recorded

COMMANDS = Commands("reana", "/state/kubeconfig")
RUNNING = (
    '{"Name":"reana","Host":"Running","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Configured",'
    '"Worker":false}'
)
STOPPED = RUNNING.replace("Running", "Stopped").replace("Configured", "Stopped")
WORKER = (
    '{"Name":"reana-m02","Host":"Running","Kubelet":"Running","APIServer":"Irrelevant",'
    '"Kubeconfig":"Irrelevant","Worker":true}'
)


def test_every_command_names_the_profile_and_a_kubeconfig_of_ours() -> None:
    asked = [
        COMMANDS.start(Wanted()),
        COMMANDS.stop(),
        COMMANDS.delete(),
        COMMANDS.status(),
        COMMANDS.ip(),
        COMMANDS.update_context(),
        COMMANDS.docker_env(),
        COMMANDS.addons(),
        COMMANDS.enable("ingress"),
        COMMANDS.images(),
        COMMANDS.load("/i.tar"),
        COMMANDS.logs(3),
        COMMANDS.mount("/src", "/code"),
        COMMANDS.ssh(("true",)),
    ]
    for command in asked:
        assert command.argv[:3] == ("minikube", "-p", "reana")
        assert command.environ["KUBECONFIG"] == "/state/kubeconfig"


def test_start_takes_everything_that_is_wanted_and_leaves_the_current_context_alone() -> None:
    wanted = Wanted(
        driver="kvm2",
        cpus="4",
        memory="8g",
        nodes="2",
        addons=("ingress", "metrics-server"),
        mount="/src:/code",
        kubernetes_version="v1.34.0",
        container_runtime="containerd",
        cni="calico",
        insecure_registries=("10.0.0.0/8", "here:5000"),
        more=("--feature-gates=A=true",),
    )
    assert COMMANDS.start(wanted).argv[3:] == (
        *("start", "-o", "json", "--keep-context", "--interactive=false"),
        *("--driver=kvm2", "--cpus=4", "--memory=8g", "--nodes=2", "--kubernetes-version=v1.34.0"),
        *("--container-runtime=containerd", "--cni=calico", "--addons=ingress,metrics-server"),
        *("--insecure-registry=10.0.0.0/8", "--insecure-registry=here:5000"),
        *("--mount", "--mount-string=/src:/code", "--feature-gates=A=true"),
    )


def test_a_shell_that_is_led_into_a_node_is_led_out_for_minikube_itself() -> None:
    led = {"MINIKUBE_ACTIVE_DOCKERD": "reana", "DOCKER_HOST": "tcp://192.168.49.2:2376"}
    assert without_docker_env(led)["DOCKER_HOST"] is None
    assert without_docker_env({"DOCKER_HOST": "unix:///run/user/1000/docker.sock"}) == {}


def test_the_version_is_read_and_its_absence_is_told() -> None:
    assert answers.version(recorded("minikube/version")) == (1, 38, 1)
    with pytest.raises(AllupError, match="does not tell its version"):
        answers.version(Ended(0, "{}", ""))


def test_no_profile_is_an_empty_list_and_a_failed_start_leaves_an_invalid_one() -> None:
    assert answers.profiles(recorded("minikube/profile-list-none")) == ()
    (left,) = answers.profiles(recorded("minikube/profile-list-invalid"))
    assert (left.name, left.valid, left.config) == ("reana", False, {})
    with pytest.raises(AllupError, match="cannot list its profiles"):
        answers.profiles(Ended(80, '{"error":{}}\n', ""))


def test_a_profile_that_is_not_there_has_no_nodes_and_is_no_failure() -> None:
    assert answers.nodes(recorded("minikube/status-unknown")) == ()


@pytest.mark.parametrize(
    ("printed", "code", "running"),
    [
        (RUNNING, 0, [True]),
        (STOPPED, 7, [False]),
        (RUNNING.replace("Configured", "Misconfigured"), 4, [True]),
        (RUNNING.replace('"APIServer":"Running"', '"APIServer":"Stopped"'), 2, [False]),
        (f"[{RUNNING},{WORKER}]", 0, [True, True]),
        ("null", 7, []),
    ],
)
def test_an_exit_code_of_status_up_to_seven_is_an_answer(
    printed: str, code: int, running: list[bool]
) -> None:
    assert [node.running for node in answers.nodes(Ended(code, printed + "\n", "klog"))] == running


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("start-docker-down", "(PROVIDER_DOCKER_NOT_RUNNING)"),
        ("start-no-driver", "(DRV_DOCKER_NOT_RUNNING)"),
        ("start-virtualbox-missing", "(PROVIDER_VIRTUALBOX_NOT_FOUND)"),
        ("start-bad-driver", "(DRV_UNSUPPORTED_OS)"),
        ("start-bad-name", "(MK_USAGE)"),
        ("start-old-kubernetes", "(K8S_OLD_UNSUPPORTED)"),
        ("start-bad-flag", "unknown flag: --nonsense"),
        ("ip-unknown", "not found"),
        ("stop-unknown", "not found"),
        ("images-unknown", "(exit code 14)"),
    ],
)
def test_a_failure_is_told_in_minikubes_own_words_as_one_paragraph(name: str, said: str) -> None:
    error = answers.failure(recorded(f"minikube/{name}"), "minikube profile reana", "does not start")
    assert said in str(error)
    assert not set(str(error)) & set("\n│╭╰")


def test_nothing_is_read_from_what_is_printed_about_an_unknown_profile() -> None:
    with pytest.raises(AllupError, match="tells no address"):
        answers.address(recorded("minikube/ip-unknown"))
    with pytest.raises(AllupError, match="lends no engine"):
        answers.docker_environment(recorded("minikube/docker-env-unknown"))
    addons = answers.addons(recorded("minikube/addons-unknown"))
    assert "ingress" in addons
    assert not any(addons.values())


def test_the_variables_of_docker_env_are_those_that_say_something() -> None:
    printed = '{"DOCKER_HOST":"tcp://192.168.49.2:2376","DOCKER_TLS_VERIFY":"1","SSH_AGENT_PID":""}'
    environ = answers.docker_environment(Ended(0, printed, ""))
    assert environ == {"DOCKER_HOST": "tcp://192.168.49.2:2376", "DOCKER_TLS_VERIFY": "1"}


@pytest.mark.parametrize("name", ["p", "reana_0.1.0", "A-b", "start", "default", "-x", "x.", "a" * 64])
def test_a_name_that_minikube_or_kubernetes_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="minikube profile"):
        names.valid(name)


def test_a_better_name_is_proposed() -> None:
    assert names.valid("reana-0.1.0") == "reana-0.1.0"
    with pytest.raises(InputError, match=r"did you mean 'reana-0\.1\.0'"):
        names.valid("REANA_0.1.0")


@pytest.mark.parametrize(
    ("text", "size"),
    [("8g", 8192), ("8192m", 8192), ("8192", 8192), ("8192mb", 8192), ("8gib", 8192), ("max", None)],
)
def test_memory_is_compared_as_minikube_reads_it(text: str, size: float | None) -> None:
    assert megabytes(text) == size


PROFILE = Profile(
    "reana",
    "OK",
    True,
    {
        "Driver": "kvm2",
        "CPUs": 2,
        "Memory": 8192,
        "MountString": "",
        "InsecureRegistry": None,
        "KubernetesConfig": {"KubernetesVersion": "v1.34.0", "ContainerRuntime": "crio", "CNI": ""},
        "Nodes": [{"Name": "", "IP": "192.168.39.2"}],
    },
)


def test_what_a_profile_has_already_is_passed_over_in_silence() -> None:
    same = Wanted(
        driver="kvm2", cpus="2", memory="8g", container_runtime="cri-o", kubernetes_version="v1.34.0"
    )
    compared = compare(PROFILE, same)
    assert compared.notes == ()
    assert not compared.restart
    assert compared.flags.given() == ()


def test_what_a_profile_cannot_take_any_more_is_told_and_not_passed_on() -> None:
    compared = compare(
        PROFILE, Wanted(cpus="4", memory="6g", mount="/a:/b", insecure_registries=("here:5000",))
    )
    assert compared.flags.given() == ()
    assert [note.partition(" stays")[0] for note in compared.notes][:3] == ["CPUs", "memory", "mount"]
    assert "no insecure registry here:5000" in compared.notes[3]


@pytest.mark.parametrize("other", [Wanted(driver="docker"), Wanted(container_runtime="containerd")])
def test_another_driver_or_runtime_would_be_another_cluster(other: Wanted) -> None:
    with pytest.raises(InputError, match="which cannot become"):
        compare(PROFILE, other)


def minikube(tmp_path: Path, answered: dict[str, Ended], platform: str = "linux") -> tuple[Minikube, Answers]:
    valid = {"Name": "reana", "Status": "OK", "Config": dict(PROFILE.config)}
    listed = Ended(0, json.dumps({"invalid": [], "valid": [valid]}), "")
    runner = Answers({**answered, "profile list": listed, "version": recorded("minikube/version")})
    return Minikube("reana", runner, tmp_path, {"HOME": str(tmp_path)}, platform), runner


def test_an_image_is_not_loaded_before_its_presence_is_seen(tmp_path: Path) -> None:
    listed = '[{"id":"0f","repoTags":["docker.io/local/dask:1"],"size":"1"}]'
    answered = {
        "status": Ended(0, RUNNING, ""),
        "image load": Ended(0, "", ""),
        "image ls": Ended(0, listed, ""),
    }
    cluster, _ = minikube(tmp_path, answered)
    cluster.load(tmp_path / "i.tar", "docker.io/local/dask:1")
    with pytest.raises(AllupError, match="does not have the image"):
        cluster.load(tmp_path / "i.tar", "docker.io/local/other:1")


def test_a_runtime_without_docker_lends_no_engine(tmp_path: Path) -> None:
    cluster, runner = minikube(tmp_path, {"status": Ended(0, RUNNING, "")})
    with pytest.raises(CannotDo, match="runs crio, which docker cannot talk to"):
        cluster.docker_environment()
    assert not runner.argv("docker-env")


def test_a_container_node_has_an_address_on_linux_only(tmp_path: Path) -> None:
    config = {**PROFILE.config, "Driver": "docker"}
    listed = Ended(0, json.dumps({"valid": [{"Name": "reana", "Status": "OK", "Config": config}]}), "")
    runner = Answers(
        {"profile list": listed, "status": Ended(0, RUNNING, ""), " ip": Ended(0, "192.168.49.2\n", "")}
    )
    assert Minikube("reana", runner, tmp_path, {}, "linux").address() == "192.168.49.2"
    with pytest.raises(CannotDo, match="does not reach by address"):
        Minikube("reana", runner, tmp_path, {}, "darwin").address()


def test_a_missing_program_comes_with_the_way_to_get_it(tmp_path: Path) -> None:
    absent = Answers({})
    with pytest.raises(AllupError, match="brew install minikube"):
        Minikube("reana", absent, tmp_path, {}, "darwin").status()
    with pytest.raises(AllupError, match=r"https://minikube\.sigs\.k8s\.io"):
        Minikube("reana", absent, tmp_path, {}, "linux").up(Wanted(), lambda step: None)
