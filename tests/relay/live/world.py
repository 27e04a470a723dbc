#!/usr/bin/env python3
"""What surrounds the mail server of the live test, in namespaces of its own. Python 3 standard library only.

  world.py services ZONE POLICY [LOGINS]
                                  names (RFC 1035), a policy service (Postfix's SMTPD_POLICY_README) and logins (Dovecot's
                                  auth protocol 1.1, on that socket), until standard input ends
  world.py talk DEVICE            one JSON session a line in, one JSON list of reply codes a line out (RFC 5321, up to
                                  RCPT TO, then RSET; DATA is never sent)
"""
import base64
import ipaddress
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading

TYPES = {1: "A", 12: "PTR", 15: "MX", 28: "AAAA"}


# ---- services -------------------------------------------------------------------------------------------------------
def wire(name):
    labels = [label for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def record(kind, value):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "MX":
        preference, host = value.split()
        return struct.pack("!H", int(preference)) + wire(host)
    return wire(value)


def names(zone_file):
    """Answers from a JSON file, `{"name TYPE": ["value", ...]}`, read again for every question; other mail domains have
    a mail host, other names an address."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    while True:
        question, peer = server.recvfrom(2048)
        at, labels = 12, []
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode("latin1").lower())
            at += question[at] + 1
        kind = TYPES.get(struct.unpack("!H", question[at + 1:at + 3])[0])
        name = ".".join(labels)
        with open(zone_file) as file:
            zone = json.load(file)
        values = zone.get("%s %s" % (name, kind))
        known = values is not None or any(key.startswith(name + " ") for key in zone)
        missing = not known and name.endswith((".arpa", ".invalid", ".zone.example"))
        if values is None and not known and not missing:
            values = {"A": ["203.0.113.25"], "MX": ["10 mx." + name]}.get(kind)
        rows = [struct.pack("!HHHIH", 0xC00C, struct.unpack("!H", question[at + 1:at + 3])[0], 1, 60, len(data)) + data
                for data in (record(kind, value) for value in values or [])]
        head = question[:2] + struct.pack("!HHHHH", 0x8583 if missing else 0x8580, 1, len(rows), 0, 0)
        server.sendto(head + question[12:at + 5] + b"".join(rows), peer)


def listen(place, handle):
    if isinstance(place, str):
        server = socket.socket(socket.AF_UNIX)
        if os.path.exists(place):
            os.unlink(place)
        server.bind(place)
        os.chmod(place, 0o666)
    else:
        server = socket.socket()
        server.bind(place)
    server.listen(64)

    def accept():
        while True:
            client, _ = server.accept()
            threading.Thread(target=handle, args=(client.makefile("rwb", buffering=0),), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()


def logins(client):
    client.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0\nDONE\n")
    for line in client:
        words = line.decode("latin1").rstrip("\n").split("\t")
        if words[0] == "AUTH":
            first = next((word[5:] for word in words if word.startswith("resp=")), "")
            user = base64.b64decode(first).decode("latin1").split("\0")[1]
            client.write(("OK\t%s\tuser=%s\n" % (words[1], user)).encode())


def policy(answer_file):
    def handle(client):
        for line in client:
            if line == b"\n":
                with open(answer_file) as file:
                    client.write(b"action=%s\n\n" % file.read().strip().encode())
    return handle


def services(zone_file, answer_file, login_socket):
    threading.Thread(target=names, args=(zone_file,), daemon=True).start()
    if login_socket:
        listen(login_socket, logins)
    listen(("127.0.0.1", 10031), policy(answer_file))
    print("ready", flush=True)
    sys.stdin.read()


# ---- talk -----------------------------------------------------------------------------------------------------------
class Gone(Exception):
    """The server ended the connection, or says nothing."""


class Dialogue:
    """A connection; `refused` is the code of its first line."""

    def __init__(self, session):
        self.socket = socket.socket(socket.AF_INET6 if ":" in session["server"] else socket.AF_INET)
        self.socket.settimeout(session["patience"])
        self.socket.bind((session["client"], 0))
        self.socket.connect((session["server"], session["port"]))
        if session["header"]:
            self.socket.sendall(session["header"].encode() + b"\r\n")
        if session["implicit"]:
            self.encrypt()
        self.lines = self.socket.makefile("rb")
        self.refused = self.reply()
        if self.refused == 421:
            raise Gone()

    def encrypt(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.lines = self.socket.makefile("rb")

    def reply(self):
        while True:
            line = self.lines.readline(4096)
            if len(line) < 4:
                raise Gone()
            if line[3:4] != b"-":
                return int(line[:3])

    def say(self, text):
        self.socket.sendall(text.encode("latin1") + b"\r\n")
        return self.reply()


def talk(session, device):
    """The code of each attempt: of RCPT TO, or of what was refused before it; 0 where there is no service."""
    own = ipaddress.ip_address(session["client"])
    if not own.is_loopback:
        command = ["ip", "addr", "replace", "%s/%d" % (own, own.max_prefixlen), "dev", device]
        subprocess.run(command + (["nodad"] if own.version == 6 else []), check=False)
    codes, tries = [], session["tries"]
    while len(codes) < len(tries):
        started = len(codes)
        try:
            if not dialogue(session, tries[started:], codes):
                return None
        except (Gone, OSError):
            pass
        if len(codes) == started:
            codes += [0] * (len(tries) - started)
    return codes


def dialogue(session, tries, codes):
    """One connection, as far as it goes; false where logins are not taken."""
    client = Dialogue(session)
    early = client.refused if client.refused >= 400 else greet(client, session)
    # a greeting may be refused before encryption and taken after it
    again = session["tls"] and not session["implicit"] and client.refused < 400
    if early >= 400 and not again:
        codes += [early] * len(tries)
        return True
    if again:
        if client.say("STARTTLS") != 220:
            return False
        client.encrypt()
        early = greet(client, session)
    if session["xclient"]:
        early = client.say("XCLIENT " + session["xclient"])
        if early < 400:
            early = greet(client, session)
    if session["login"]:
        word = base64.b64encode(("\0%s\0x" % session["login"]).encode()).decode()
        if client.say("AUTH PLAIN " + word) != 235:
            return False
    for sender, recipient in tries:
        code = early if early >= 400 else client.say("MAIL FROM:<%s>" % sender)
        if code < 400:
            code = client.say("RCPT TO:<%s>" % recipient)
        codes.append(code)
        if code == 421:
            break
        client.say("RSET")
    client.socket.close()
    return True


def greet(client, session):
    return 0 if session["helo"] is None else client.say("EHLO " + session["helo"])


def main():
    if sys.argv[1] == "services":
        return services(*sys.argv[2:5])
    for line in sys.stdin:
        print(json.dumps(talk(json.loads(line), sys.argv[2])), flush=True)


main()
