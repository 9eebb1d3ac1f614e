"""Directs the requests of schemathesis to existing objects, because random names, root file systems
and programs would never make a pod.

A value that the document allows is replaced by another such value. A value that must be refused
stays unchanged. Requests name nothing of the host except what scripts/contract has made."""

import json
import os
import random
import re
import uuid
import zlib

import schemathesis

HOME = os.environ["STAUNCH_CONTRACT_HOME"]
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
USER = re.compile(r"[^\x00-\x20\x7f:-][^\x00-\x20\x7f:]{0,255}")
PAGE = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
RANDOM = random.Random(1)
PROGRAMS = [["sleep", "1000"], ["true"], ["sh", "-c", "exit 3"], ["/nothing/here"]]


def pick(seed, values):
    """Returns the same value for the same text, so that a failure is reproducible."""
    return values[zlib.crc32(repr(seed).encode()) % len(values)]


def is_path(value):
    return (isinstance(value, str) and value.startswith("/") and "\0" not in value
            and len(value.encode("utf-8", "replace")) <= 4095)


def is_words(value):
    return (isinstance(value, list) and value and all(isinstance(word, str) for word in value)
            and value[0] and not any("\0" in word for word in value))


def name(text, prefix):
    if text.startswith(("pod-", prefix)) or not LABEL.fullmatch(text):
        return text
    return pick(text, [f"{prefix}{n}" for n in "123"])


def settle_task(task):
    if not isinstance(task, dict):
        return
    rootfs = task.get("rootfs")
    if isinstance(rootfs, dict) and is_path(rootfs.get("path")):
        rootfs["path"] = pick(rootfs, [f"{HOME}/rootfs"] * 7 + [f"{HOME}/nothing"])
    if is_words(task.get("args")):
        task["args"] = list(pick(task["args"], PROGRAMS))
    mounts = task.get("mounts")
    for number, mount in enumerate(mounts if isinstance(mounts, list) else []):
        if isinstance(mount, dict) and is_path(mount.get("source")):
            mount["source"] = f"{HOME}/shared"
        if isinstance(mount, dict) and is_path(mount.get("target")):
            mount["target"] = f"/mnt/{number}"
    if isinstance(task.get("user"), str) and USER.fullmatch(task["user"]):
        task["user"] = pick(task["user"], ["0", "0:0", "root", "1000", "nobody"])
    if is_path(task.get("cwd")):
        task["cwd"] = pick(task["cwd"], ["/", "/tmp"])


def settle_headers(headers):
    """Varies the headers, because schemathesis repeats one operation id, waits as long as it can,
    and uses entity tags that do not exist."""
    for key, value in list((headers or {}).items()):
        if key.lower() == "operation-id" and UUID.fullmatch(str(value)) and RANDOM.random() < 0.9:
            headers[key] = str(uuid.UUID(int=RANDOM.getrandbits(128)))
        elif key.lower() == "prefer" and re.fullmatch(r"wait(=[0-9]+)?", str(value)):
            headers[key] = RANDOM.choice(["wait=2", "wait=0", "wait=0.05", "respond-async"])
        elif key.lower() == "if-match" and RANDOM.random() < 0.9:
            del headers[key]


def settle_query(query):
    for key, form in (("uid", UUID), ("page", PAGE)):
        value = (query or {}).get(key)
        if isinstance(value, str) and form.fullmatch(value) and RANDOM.random() < 0.8:
            del query[key]


@schemathesis.hook
def before_call(context, case, kwargs):
    settle_headers(case.headers)
    settle_query(case.query)
    for key, prefix in (("pod", "web"), ("task", "app")):
        if isinstance((case.path_parameters or {}).get(key), str):
            case.path_parameters[key] = name(case.path_parameters[key], prefix)
    if isinstance(case.body, dict):
        settle_task(case.body)
        tasks = case.body.get("tasks")
        if isinstance(tasks, dict):
            for task in tasks.values():
                settle_task(task)
            case.body["tasks"] = {name(key, "app"): task for key, task in tasks.items()}


@schemathesis.deserializer("application/x-ndjson", "text/event-stream")
def events(context, response):
    """Returns the last document of a stream."""
    lines = [line.removeprefix(b"data: ") for line in response.content.splitlines()
             if line.startswith((b"{", b"data: "))]
    return json.loads(lines[-1]) if lines else None
