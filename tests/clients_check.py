"""Asks `pals serve` through the clients that people have: the packages openai and requests.

Run with a Python that has them: python tests/clients_check.py --pals build/pals
"""

import argparse
import math
import pathlib
import re
import subprocess

import openai
import requests

MODEL = pathlib.Path(__file__).resolve().parent / "data/012c666/model"
TEXTS = ["word1 word2 splendid", "dreadful word9"]


def check_openai(address, expected):
    client = openai.OpenAI(base_url=address + "/v1", api_key="key")
    for encoding in "float", "base64":
        answer = client.embeddings.create(model="any", input=TEXTS, encoding_format=encoding)
        vectors = [row.embedding for row in answer.data]
        if encoding == "float":
            assert vectors == expected, "float vectors are not those of /embed"
        assert answer.usage.prompt_tokens > 0 and [row.index for row in answer.data] == [0, 1]
    # Without encoding_format the client asks for base64, and decodes it.
    answer = client.embeddings.create(model="any", input=TEXTS)
    for row, vector in zip(answer.data, expected, strict=True):
        assert all(math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-7) for a, b in zip(row.embedding, vector, strict=True))
    try:
        openai.OpenAI(base_url=address + "/v1", api_key="wrong", max_retries=0).embeddings.create(model="any", input="a")
    except openai.AuthenticationError as error:
        assert error.status_code == 401
    else:
        raise AssertionError("a wrong key was let in")


def check_requests(session, address):
    answer = session.post(address + "/predict", json={"inputs": [[text] for text in TEXTS], "task": "reviews"})
    answer.raise_for_status()
    assert [row[0]["label"] for row in answer.json()] == ["good", "bad"], answer.text
    refused = session.post(address + "/predict", json={"inputs": "splendid"})
    assert refused.status_code == 422 and "reviews" in refused.json()["error"], refused.text
    assert session.get(address + "/health").status_code == 200


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pals", required=True)
    arguments = parser.parse_args()
    server = subprocess.Popen([arguments.pals, "serve", str(MODEL), "--port", "0", "--api-key", "key"],
                              stderr=subprocess.PIPE, text=True)
    try:
        ready = next(filter(None, (re.fullmatch(r"listening on (\S+)\n", line) for line in server.stderr)))
        address = "http://" + ready.group(1)
        with requests.Session() as session:
            session.headers["Authorization"] = "Bearer key"
            check_requests(session, address)
            expected = session.post(address + "/embed", json={"inputs": TEXTS}).json()
        check_openai(address, expected)
    finally:
        server.terminate()
        server.communicate()
    assert server.returncode == 0, server.returncode
    print(f"openai {openai.__version__} and requests {requests.__version__}: served")


if __name__ == "__main__":
    main()
