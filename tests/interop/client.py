"""Tests of crmd by a client in another language (crm1.py), which was written from proto/PROTOCOL.md alone.

CRMD names the binary. Where python3-protobuf is missing the exit code is 77, which ctest shows as skipped.
"""
import hashlib
import os
import ssl
import sys
import unittest

try:
    import google.protobuf  # noqa: F401
except ImportError:
    print("skipped: python3-protobuf is not installed", file=sys.stderr)
    sys.exit(77)
try:
    from proto import records_pb2 as records, wire_pb2 as wire
except ImportError as missing:
    print(f"skipped: the messages were not generated, or by a protoc that does not fit ({missing})", file=sys.stderr)
    sys.exit(77)

import crm1
from crm1 import Closed, Connection, Refused, new_id
from daemon import Daemon, PASSWORD

# section 6
USER, CUSTOMER, CONTACT, DEAL = 1, 4, 5, 7
CREATE, PATCH, DELETE, ACTION = 1, 2, 3, 4
EQUALS, GREATER, CONTAINS, AND = 1, 5, 7, 20
OWNER = 803
# section 8
NEVER, SAME_KEY, AFTER, AFTER_LOGIN = range(4)
NOT_DONE = 0
NOT_FOUND, CONFLICT, NOT_LOGGED_IN, INVALID = 3, 4, 5, 6
AMBIGUOUS, BAD_CREDENTIALS, KEY_REUSED, UNKNOWN_OPERATION, PROTOCOL = 13, 14, 16, 18, 19
BUSY, DEADLINE, CANCELLED, SHUTTING_DOWN = 20, 21, 22, 25

N_SAMPLES = 1000
INDUSTRIES = ("retail", "software", "medical", "finance")


def create(kind, message, **fields):
    return wire.Mutation(kind=kind, id=new_id(), verb=CREATE, set=message.SerializeToString(), **fields)


def patch(kind, record, message, **fields):
    return wire.Mutation(kind=kind, id=record, verb=PATCH, set=message.SerializeToString(), **fields)


def sample(n):
    """800 bytes each, so that all of them are more than the credit that a list begins with."""
    return records.Customer(name=f"Sample {n:04}", industry=INDUSTRIES[n % len(INDUSTRIES)], size=n, note="x" * 600,
                            tags=["sample"])


def comparison(op, field, *values, through=0):
    node = wire.FilterNode(op=op, field=field, values=values)
    if through:
        node.through = through
    return node


def joint(op):
    return wire.FilterNode(op=op)


class Installation:
    """One server for the tests that do not stop it."""

    daemon = None
    token = None
    fields = None  # name of a customer's field → its reference

    @classmethod
    def start(cls):
        cls.daemon = Daemon(os.environ["CRMD"])
        cls.daemon.__enter__()
        with cls.connect() as connection:
            cls.token = connection.login("admin", PASSWORD).token
            for kind in connection.call("describe", kind=CUSTOMER).kinds:
                cls.fields = {field.name: field.field for field in kind.fields}
            load_samples(connection)

    @classmethod
    def connect(cls, **options):
        """A connection behind its hello; logged in once there is a session."""
        connection = Connection(cls.daemon.port, cls.daemon.ca, **options)
        if cls.token:
            connection.hello(session_token=cls.token)
        else:
            connection.hello()
        return connection


def load_samples(connection):
    """Several requests in one flight."""
    streams = [connection.ask("record.mutate", mutations=[create(CUSTOMER, sample(n)) for n in range(start, start + 250)])
               for start in range(0, N_SAMPLES, 250)]
    for stream in streams:
        assert all(not result.status for result in connection.answer("record.mutate", stream).results)


def setUpModule():
    Installation.start()


def tearDownModule():
    Installation.daemon.__exit__()


class Case(unittest.TestCase):
    """Every test has a connection of its own, resumed by the session's token."""

    options = {}

    def setUp(self):
        self.connection = self.connect(**self.options)

    def connect(self, **options):
        connection = Installation.connect(**options)
        self.addCleanup(connection.__exit__)
        return connection

    def bare(self, **options):
        connection = Connection(Installation.daemon.port, Installation.daemon.ca, **options)
        self.addCleanup(connection.__exit__)
        return connection

    def refused(self, status, call, *arguments, **fields):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **fields)
        error = caught.exception.error
        self.assertEqual(error.status, status, error.text)
        self.assertEqual(caught.exception.code, status)
        self.assertTrue(error.name and error.text)
        return error

    def add(self, name="Acme", **fields):
        """A customer's result."""
        mutation = create(CUSTOMER, records.Customer(name=name, **fields))
        result, = self.connection.call("record.mutate", mutations=[mutation]).results
        self.assertEqual(result.id, mutation.id)
        return result

    def get(self, record):
        reply = self.connection.call("record.get", kind=CUSTOMER, id=record)
        return reply.record.header, records.Customer.FromString(reply.record.body)


class Transport(Case):
    def test_tls_1_2_is_refused(self):
        context = ssl.create_default_context(cafile=str(Installation.daemon.ca))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with crm1.socket.create_connection(("127.0.0.1", Installation.daemon.port), timeout=crm1.TIMEOUT) as plain:
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(plain, server_hostname="localhost")

    def test_the_certificate_is_for_the_name(self):
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.bare(host="elsewhere.example")

    def test_the_protocol_is_agreed_on(self):
        self.assertEqual(self.connection.tls.selected_alpn_protocol(), "crm/1")
        self.assertEqual(self.connection.tls.version(), "TLSv1.3")

    def test_another_alpn_protocol_is_refused(self):
        with self.assertRaises((ssl.SSLError, ConnectionError, Closed)):
            connection = self.bare(alpn="http/1.1")
            connection.hello()

    def test_a_frame_of_another_version_ends_the_connection(self):
        self.connection.send_bytes(crm1.HEADER.pack(0, 2, crm1.PING, 0, 0, 0))
        frame = self.connection.receive()
        self.assertEqual((frame.type, frame.stream, frame.code), (crm1.ERROR, 0, PROTOCOL))
        self.assertRaises(Closed, self.connection.receive)

    def test_a_frame_longer_than_announced_ends_the_connection(self):
        self.connection.send_bytes(crm1.HEADER.pack(self.connection.server.limits.frame_bytes + 1, 1, crm1.REQUEST, 0, 3, 1))
        self.assertEqual(self.connection.receive().type, crm1.ERROR)
        self.assertRaises(Closed, self.connection.receive)


class Hello(Case):
    def test_limits_and_identity_are_told(self):
        server = self.connection.server
        self.assertEqual((server.version_min, server.version_max), (1, 1))
        self.assertEqual(server.limits.stream_credit, 262144)
        self.assertEqual(server.limits.streams, 100)
        self.assertEqual(len(server.database), 16)
        self.assertEqual(server.epoch, 1)

    def test_unoffered_and_unknown_features_are_not_chosen(self):
        self.assertEqual(self.connection.server.features, 0)
        self.assertEqual(self.bare().hello(features=1 << 40).features, 0)
        self.assertEqual(self.bare().hello(features=1 << 40 | crm1.FEATURE_ZSTD).features, crm1.FEATURE_ZSTD)

    def test_another_version_is_refused(self):
        self.refused(PROTOCOL, self.bare().hello, version_min=2, version_max=3)

    def test_a_newer_client_that_still_speaks_1_is_welcome(self):
        self.assertEqual(self.bare().hello(version_min=1, version_max=9).version_max, 1)

    def test_a_second_hello_ends_the_connection(self):
        self.refused(PROTOCOL, self.connection.hello)
        self.assertRaises(Closed, self.connection.receive)

    def test_a_request_before_login_is_refused_and_login_still_works(self):
        connection = self.bare()
        connection.hello()
        error = self.refused(NOT_LOGGED_IN, connection.call, "record.count", kind=CUSTOMER)
        self.assertEqual((error.retry, error.outcome), (AFTER_LOGIN, NOT_DONE))
        reply = connection.login("admin", PASSWORD)
        self.assertEqual(len(reply.token), 32)
        self.assertEqual(connection.call("record.get", kind=USER, selector="me").record.header.id, reply.user)

    def test_login_is_refused_in_the_same_words_whoever_it_is(self):
        connection = self.bare()
        connection.hello()
        wrong = self.refused(BAD_CREDENTIALS, connection.login, "admin", "not the password")
        nobody = self.refused(BAD_CREDENTIALS, connection.login, "nobody", PASSWORD)
        for error in (wrong, nobody):
            self.assertEqual((error.name, error.retry, error.outcome), ("bad-credentials", NEVER, NOT_DONE))
            error.ClearField("trace")
        self.assertEqual(wrong, nobody)

    def test_a_token_a_request_and_its_answer_in_one_flight(self):
        connection = self.bare()
        connection.send(crm1.HELLO, wire.Hello(version_min=1, version_max=1, session_token=Installation.token))
        stream = connection.ask("record.count", kind=CUSTOMER)
        hello = wire.Hello.FromString(connection.next_frame(0).body)
        self.assertEqual(hello.session.login, "admin")
        self.assertFalse(hello.session.token)
        self.assertGreaterEqual(connection.answer("record.count", stream).count, N_SAMPLES)

    def test_logout_ends_the_session_of_a_token(self):
        connection = self.bare()
        connection.hello()
        token = connection.login("admin", PASSWORD).token
        connection.call("logout")
        self.refused(NOT_LOGGED_IN, connection.call, "describe")
        error = self.bare().hello(session_token=token).session_error
        self.assertEqual((error.status, error.name, error.retry, error.outcome),
                         (NOT_LOGGED_IN, "not-logged-in", AFTER_LOGIN, NOT_DONE))


class Connections(Case):
    def test_ping_frames_are_answered_with_their_cookie(self):
        self.connection.send(crm1.PING, wire.Ping(cookie=2**63 + 7))
        frame = self.connection.receive()
        self.assertEqual((frame.type, frame.stream), (crm1.PONG, 0))
        self.assertEqual(wire.Ping.FromString(frame.body).cookie, 2**63 + 7)

    def test_too_many_pings_end_the_connection(self):
        for _ in range(21):
            self.connection.send(crm1.PING)
        frames = [self.connection.receive() for _ in range(21)]
        self.assertEqual([frame.type for frame in frames], [crm1.PONG] * 20 + [crm1.ERROR])
        self.assertRaises(Closed, self.connection.receive)

    def test_an_unknown_operation_fails_alone(self):
        self.connection.send(crm1.REQUEST, code=999, stream=1)
        frame = self.connection.receive()
        self.assertEqual((frame.type, frame.code, frame.stream), (crm1.ERROR, UNKNOWN_OPERATION, 1))
        self.connection._last_stream = 1
        self.assertTrue(self.connection.call("ping").now)

    def test_stream_ids_that_do_not_rise_end_the_connection(self):
        self.connection.call("ping")
        self.connection.send(crm1.REQUEST, code=3, stream=1)
        self.assertEqual(self.connection.receive().code, PROTOCOL)
        self.assertRaises(Closed, self.connection.receive)

    def test_a_body_that_is_not_well_formed_fails_alone(self):
        stream = self.connection.ask("record.search", b"\x12\x02\xff\xfe")  # text that is not UTF-8
        error = self.refused(INVALID, self.connection.collect, "record.search", stream)
        self.assertEqual((error.field, error.retry, error.outcome), ("text", NEVER, NOT_DONE))
        self.assertTrue(self.connection.call("ping").now)

    def test_answers_come_in_any_order(self):
        """A list waits for credit; what is asked behind it is answered in front of it."""
        listing = self.connection.ask("record.list", kind=CUSTOMER)
        pings = [self.connection.ask("ping") for _ in range(5)]
        for stream in reversed(pings):
            self.connection.answer("ping", stream)
        chunks, end = self.connection.collect("record.list", listing)
        self.assertEqual(sum(len(chunk.records) for chunk in chunks), end.rows)

    def test_more_streams_than_announced_are_busy(self):
        for _ in range(self.connection.server.limits.streams):
            self.connection.call("record.subscribe", kinds=[DEAL])
        error = self.refused(BUSY, self.connection.call, "ping")
        self.assertEqual((error.retry, error.outcome), (AFTER, NOT_DONE))

    def test_a_stream_without_credit_meets_its_deadline(self):
        stream = self.connection.ask("record.list", meta=wire.Meta(deadline_ms=200, trace=b"d" * 16), kind=CUSTOMER)
        while (frame := self.connection.next_frame(stream)).type == crm1.CHUNK:
            pass
        self.assertEqual((frame.type, frame.code), (crm1.ERROR, DEADLINE))
        error = wire.Error.FromString(frame.body)
        self.assertEqual((error.name, error.retry, error.outcome, error.trace),
                         ("deadline", SAME_KEY, NOT_DONE, b"d" * 16))

    def test_a_cancelled_stream_ends_with_an_error(self):
        stream = self.connection.ask("record.list", kind=CUSTOMER, meta=wire.Meta(trace=b"c" * 16))
        self.connection.cancel(stream)
        while (frame := self.connection.next_frame(stream)).type == crm1.CHUNK:
            pass
        self.assertEqual((frame.type, frame.code), (crm1.ERROR, CANCELLED))
        self.assertEqual(wire.Error.FromString(frame.body).trace, b"c" * 16)
        self.connection.cancel(stream)  # of what is closed: nothing
        self.assertTrue(self.connection.call("ping").now)

    def test_the_client_says_good_bye(self):
        self.connection.send(crm1.GOAWAY)
        self.assertRaises(Closed, self.connection.receive)


class Describe(Case):
    def test_kinds_have_the_numbers_of_the_document(self):
        kinds = {kind.kind: kind.name for kind in self.connection.call("describe").kinds}
        self.assertEqual([kinds[n] for n in range(1, 15)],
                         ["user", "team", "role", "customer", "contact", "product", "deal", "pipeline", "activity", "task",
                          "field_definition", "company", "exchange_rate", "saved_view"])

    def test_fields_choices_and_actions_can_be_shown_by_who_was_not_built_with_them(self):
        kind, = self.connection.call("describe", kind=CUSTOMER).kinds
        fields = {field.name: field for field in kind.fields}
        self.assertEqual((kind.letter, kind.plural, kind.label_zh), ("C", "customers", "客户"))
        self.assertEqual((fields["name"].field, fields["name"].type, fields["name"].flags & 1), (1, 1, 1))
        self.assertEqual(fields["owner"].field, OWNER)
        self.assertEqual({choice.name: choice.number for choice in fields["status"].choices},
                         {"prospect": 1, "active": 2, "dormant": 3, "lost": 4})
        self.assertLessEqual({"assign", "restore"}, {action.name for action in kind.actions})

    def test_who_has_the_level_gets_nothing(self):
        level = self.connection.call("describe").level
        self.assertEqual(len(self.connection.call("describe", known_level=level).kinds), 0)


class Reads(Case):
    def test_get_by_id_by_number_and_by_name(self):
        added = self.add("Wanted Once", country="DE")
        by_id = self.connection.call("record.get", kind=CUSTOMER, id=added.id)
        self.assertEqual(records.Customer.FromString(by_id.record.body).country, "DE")
        self.assertEqual((by_id.record.header.number, by_id.record.header.rev), (added.number, 1))
        for fields in ({"selector": f"C-{added.number}"}, {"kind": CUSTOMER, "selector": str(added.number)},
                       {"kind": CUSTOMER, "selector": "Wanted Once"}, {"kind": CUSTOMER, "selector": added.id.hex()[-10:]}):
            with self.subTest(fields):
                self.assertEqual(self.connection.call("record.get", **fields).record, by_id.record)

    def test_titles_of_what_is_referred_to_come_where_they_are_asked_for(self):
        added = self.add("Titled")
        self.assertFalse(self.connection.call("record.get", kind=CUSTOMER, id=added.id).titles)
        titles = self.connection.call("record.get", kind=CUSTOMER, id=added.id, titles=True).titles
        self.assertIn((USER, "admin"), [(title.kind, title.title) for title in titles])

    def test_what_is_not_there_is_not_found(self):
        error = self.refused(NOT_FOUND, self.connection.call, "record.get", kind=CUSTOMER, id=new_id())
        self.assertEqual((error.name, error.retry, error.outcome), ("not-found", NEVER, NOT_DONE))

    def test_a_name_that_two_have_brings_the_candidates(self):
        both = {self.add("Twice").id, self.add("Twice").id}
        error = self.refused(AMBIGUOUS, self.connection.call, "record.get", kind=CUSTOMER, selector="Twice")
        self.assertEqual({candidate.id for candidate in error.candidates}, both)
        self.assertEqual({candidate.title for candidate in error.candidates}, {"Twice"})

    def filtered(self):
        field = Installation.fields
        return [comparison(EQUALS, field["industry"], wire.Value(text="RETAIL")),  # folded
                comparison(GREATER, field["size"], wire.Value(integer=100)), joint(AND),
                comparison(EQUALS, OWNER, wire.Value(special=1)), joint(AND),
                comparison(CONTAINS, field["name"], wire.Value(text="sample")), joint(AND)]

    def expected(self):
        return [n for n in range(N_SAMPLES - 1, 100, -1) if INDUSTRIES[n % len(INDUSTRIES)] == "retail"]

    def test_a_list_with_filter_sort_and_pages(self):
        request = {"kind": CUSTOMER, "filter": self.filtered(), "limit": 60,
                   "sort": [wire.Sort(field=Installation.fields["size"], descending=True)]}
        sizes, pages = [], 0
        while True:
            page, end = self.connection.records(**request)
            self.assertEqual(len(page), end.rows)
            self.assertLessEqual(end.rows, 60)
            sizes += [records.Customer.FromString(record.body).size for record in page]
            pages += 1
            if not end.token:
                break
            request["token"] = end.token
        self.assertEqual(sizes, self.expected())
        self.assertEqual(pages, 4)

    def test_a_token_is_for_its_query(self):
        _, end = self.connection.records(kind=CUSTOMER, limit=1)
        self.refused(INVALID, self.connection.records, kind=CONTACT, limit=1, token=end.token)

    def test_the_server_waits_for_credit(self):
        limits = self.connection.server.limits
        listing, received, chunks = self.connection.ask("record.list", kind=CUSTOMER, limit=N_SAMPLES), 0, []
        while received < limits.stream_credit:
            frame = self.connection.next_frame(listing)
            self.assertEqual(frame.type, crm1.CHUNK)
            received += frame.length
            chunks.append(wire.ListChunk.FromString(frame.body))
        self.assertLess(received, limits.stream_credit + limits.chunk_bytes)
        ping = self.connection.ask("ping")
        self.assertEqual(self.connection.receive().stream, ping)  # and no chunk in front of it
        self.connection.grant(listing, received)
        rest, end = self.connection.collect("record.list", listing)
        rows = [record.header.id for chunk in chunks + rest for record in chunk.records]
        self.assertEqual(len(rows), end.rows)
        self.assertEqual(len(set(rows)), N_SAMPLES)

    def test_count_with_groups(self):
        reply = self.connection.call("record.count", kind=CUSTOMER, filter=self.filtered())
        self.assertEqual(reply.count, len(self.expected()))
        groups = self.connection.call("record.count", kind=CUSTOMER, group=Installation.fields["industry"],
                                      filter=[comparison(EQUALS, Installation.fields["tags"], wire.Value(text="sample"))]).groups
        self.assertEqual({group.value.text: group.count for group in groups},
                         {industry: N_SAMPLES // len(INDUSTRIES) for industry in INDUSTRIES})

    def test_search_finds_words_by_their_beginning_and_chinese(self):
        added = self.add("Zyxomma 上海机械厂")
        for text in ("zyxo", "机械"):
            with self.subTest(text):
                found, _ = self.connection.records("record.search", text=text, kinds=[CUSTOMER])
                self.assertEqual([record.header.id for record in found], [added.id])

    def test_a_list_as_of_an_earlier_state(self):
        added = self.add("As It Was")
        self.connection.call("record.mutate", mutations=[patch(CUSTOMER, added.id, records.Customer(name="As It Is"))])
        then = self.connection.call("record.get", kind=CUSTOMER, id=added.id, as_of=wire.AsOf(seq=added.seq)).record
        self.assertEqual(records.Customer.FromString(then.body).name, "As It Was")


class Changes(Case):
    def test_create_patch_delete_restore(self):
        added = self.add("Born", industry="retail", tags=["a", "b"])
        change = patch(CUSTOMER, added.id, records.Customer(name="Grown"), base_rev=1, clear=[Installation.fields["industry"]],
                       add=records.Customer(tags=["c"]).SerializeToString(),
                       remove=records.Customer(tags=["a"]).SerializeToString())
        result, = self.connection.call("record.mutate", mutations=[change]).results
        self.assertEqual((result.rev, result.status), (2, 0))
        header, customer = self.get(added.id)
        self.assertEqual((header.rev, header.seq), (2, result.seq))
        self.assertEqual(customer, records.Customer(name="Grown", tags=["b", "c"]))

        self.connection.call("record.mutate", mutations=[wire.Mutation(kind=CUSTOMER, id=added.id, verb=DELETE)])
        self.refused(NOT_FOUND, self.get, added.id)
        binned = self.connection.call("record.get", kind=CUSTOMER, id=added.id, deleted=True).record.header
        self.assertEqual(binned.flags & 1, 1)
        self.connection.call("record.mutate",
                             mutations=[wire.Mutation(kind=CUSTOMER, id=added.id, verb=ACTION, action="restore")])
        self.assertEqual(self.get(added.id)[1].name, "Grown")

    def test_a_stale_revision_is_a_conflict_in_every_field_of_the_error(self):
        added = self.add("Stale")
        self.connection.call("record.mutate", mutations=[patch(CUSTOMER, added.id, records.Customer(name="Fresh"))])
        late = patch(CUSTOMER, added.id, records.Customer(name="Late"), base_rev=1)
        error = self.refused(CONFLICT, self.connection.call, "record.mutate", meta=wire.Meta(trace=b"0123456789abcdef"),
                             mutations=[late])
        self.assertEqual(error, wire.Error(status=CONFLICT, name="conflict", retry=NEVER, outcome=NOT_DONE, field="rev",
                                           text=error.text, trace=b"0123456789abcdef"))
        self.assertIn("revision 2", error.text)
        self.assertEqual(self.get(added.id)[1].name, "Fresh")

    def test_of_several_the_others_are_done(self):
        good, bad = create(CUSTOMER, records.Customer(name="Good")), create(CUSTOMER, records.Customer(industry="retail"))
        first, second = self.connection.call("record.mutate", mutations=[good, bad]).results
        self.assertEqual((first.status, first.rev), (0, 1))
        self.assertEqual((second.status, second.error.status, second.error.field), (INVALID, INVALID, "name"))
        self.assertEqual(self.get(good.id)[1].name, "Good")

    def test_atomic_means_all_or_none(self):
        good, bad = create(CUSTOMER, records.Customer(name="Good")), create(CUSTOMER, records.Customer(industry="retail"))
        error = self.refused(INVALID, self.connection.call, "record.mutate", mutations=[good, bad], atomic=True)
        self.assertEqual(error.field, "name")
        self.refused(NOT_FOUND, self.get, good.id)

    def test_a_dry_run_leaves_nothing(self):
        mutation = create(CUSTOMER, records.Customer(name="Perhaps"))
        self.assertEqual(self.connection.call("record.mutate", mutations=[mutation], dry_run=True).results[0].rev, 1)
        self.refused(NOT_FOUND, self.get, mutation.id)

    def test_the_same_key_again_is_answered_but_not_done(self):
        key = {"client": os.urandom(16), "number": 1}
        mutations = [create(CUSTOMER, records.Customer(name="Only Once Made"))]
        first = self.connection.call("record.mutate", mutations=mutations, **key)
        again = self.connect().call("record.mutate", mutations=mutations, **key)  # over another connection
        self.assertFalse(first.duplicate)
        self.assertTrue(again.duplicate)
        self.assertEqual((again.results, again.seq), (first.results, first.seq))
        named = [comparison(EQUALS, Installation.fields["name"], wire.Value(text="only once made"))]
        self.assertEqual(self.connection.call("record.count", kind=CUSTOMER, filter=named).count, 1)

    def test_a_key_for_something_else_is_refused(self):
        key = {"client": os.urandom(16), "number": 1}
        self.connection.call("record.mutate", mutations=[create(CUSTOMER, records.Customer(name="One"))], **key)
        other = create(CUSTOMER, records.Customer(name="Other"))
        error = self.refused(KEY_REUSED, self.connection.call, "record.mutate", mutations=[other], **key)
        self.assertEqual((error.name, error.retry, error.outcome), ("key-reused", NEVER, NOT_DONE))
        self.refused(NOT_FOUND, self.get, other.id)

    def test_unknown_fields_of_a_request_are_ignored_and_of_a_record_kept(self):
        newer = b"\xe2\x2b\x06future"  # field 700, text
        mutation = create(CUSTOMER, records.Customer(name="From Tomorrow"))
        mutation.set += newer
        request = wire.MutateRequest(mutations=[mutation]).SerializeToString() + newer
        result, = self.connection.answer("record.mutate", self.connection.ask("record.mutate", request)).results
        self.assertEqual(result.status, 0)
        body = self.connection.call("record.get", kind=CUSTOMER, id=mutation.id).record.body
        self.assertIn(newer, body)

    def test_history_of_a_record_has_values_and_the_feed_has_names(self):
        added = self.add("Before")
        self.connection.call("record.mutate", mutations=[patch(CUSTOMER, added.id, records.Customer(name="After"))])
        chunks, _ = self.connection.collect("record.history", self.connection.ask("record.history", kind=CUSTOMER, id=added.id))
        patched, created = [change for chunk in chunks for change in chunk.changes]  # newest first
        self.assertEqual((created.verb, created.rev, patched.verb, patched.rev), (CREATE, 1, PATCH, 2))
        field, = patched.fields
        self.assertEqual(field.field, Installation.fields["name"])
        self.assertEqual(records.Customer.FromString(field.before), records.Customer(name="Before"))
        self.assertEqual(records.Customer.FromString(field.after), records.Customer(name="After"))

        chunks, end = self.connection.collect("record.history", self.connection.ask("record.history", after_seq=added.seq - 1))
        feed = [change for chunk in chunks for change in chunk.changes]
        self.assertEqual([(change.seq, change.id) for change in feed], [(added.seq, added.id), (added.seq + 1, added.id)])
        self.assertEqual([(field.field, field.before) for field in feed[1].fields], [(Installation.fields["name"], b"")])
        self.assertEqual((end.seq, end.more), (added.seq + 1, False))


class Subscriptions(Case):
    def test_events_until_cancel(self):
        other = self.connect()
        stream = self.connection.ask("record.subscribe", kinds=[CUSTOMER])
        begun = self.connection.answer("record.subscribe", stream)
        mutation = create(CUSTOMER, records.Customer(name="News"))
        other.call("record.mutate", mutations=[create(CONTACT, records.Contact(name="Not asked for"))])
        result, = other.call("record.mutate", mutations=[mutation]).results
        changes = []
        while not changes:
            event = self.connection.expect(stream, crm1.EVENT, wire.Event)
            self.assertFalse(event.behind)
            changes += event.changes
        change, = changes
        self.assertEqual((change.kind, change.id, change.verb, change.seq), (CUSTOMER, mutation.id, CREATE, result.seq))
        self.assertFalse(change.fields)
        self.assertGreater(event.seq, begun.seq)
        self.connection.cancel(stream)
        self.refused(CANCELLED, self.connection.expect, stream, crm1.EVENT, wire.Event)

    def test_from_an_old_seq_on_it_is_behind(self):
        stream = self.connection.ask("record.subscribe", after_seq=1)
        self.connection.answer("record.subscribe", stream)
        self.assertTrue(self.connection.expect(stream, crm1.EVENT, wire.Event).behind)


class Uploads(Case):
    def upload(self, data, sha256):
        """As fast as the server's credit allows."""
        stream, credit = self.connection.ask("upload", name="staged", size=len(data)), 0
        for at in range(0, len(data), 60000):
            while credit <= 0:
                credit += self.connection.expect(stream, crm1.CREDIT, wire.Credit).bytes
            chunk = wire.UploadChunk(offset=at, data=data[at:at + 60000])
            self.connection.send(crm1.CHUNK, chunk, stream=stream)
            credit -= chunk.ByteSize()
        self.connection.send(crm1.END, wire.UploadEnd(sha256=sha256), stream=stream)
        while (frame := self.connection.next_frame(stream)).type == crm1.CREDIT:
            pass
        if frame.type == crm1.ERROR:
            raise Refused(frame)
        self.assertEqual(frame.type, crm1.REPLY)
        return wire.UploadReply.FromString(frame.body)

    def test_a_staged_upload_is_applied(self):
        mutations = [create(CUSTOMER, records.Customer(name="Staged", note="y" * 900)) for _ in range(450)]
        data = wire.MutateRequest(mutations=mutations).SerializeToString()
        self.assertGreater(len(data), self.connection.server.limits.stream_credit)
        uploaded = self.upload(data, hashlib.sha256(data).digest())
        self.assertEqual((uploaded.received, uploaded.complete), (len(data), True))
        reply = self.connection.call("record.mutate", atomic=True, upload=uploaded.upload)
        self.assertEqual([result.id for result in reply.results], [mutation.id for mutation in mutations])
        self.assertEqual(self.get(mutations[-1].id)[1].name, "Staged")

    def test_another_hash_is_refused(self):
        error = self.refused(INVALID, self.upload, b"some bytes", bytes(32))
        self.assertEqual(error.field, "sha256")

    def test_a_chunk_before_credit_ends_the_connection(self):
        self.connection.send(crm1.CHUNK, wire.UploadChunk(data=b"x"), stream=7)
        self.assertEqual(self.connection.receive().code, PROTOCOL)
        self.assertRaises(Closed, self.connection.receive)


class Compression(Case):
    def setUp(self):
        try:
            self.options = {"zstd": crm1.Zstd()}
        except OSError:
            self.skipTest("libzstd is not installed")
        super().setUp()

    def test_both_ways(self):
        self.assertEqual(self.connection.server.features, crm1.FEATURE_ZSTD)
        mutations = [create(CUSTOMER, sample(N_SAMPLES + n)) for n in range(20)]
        reply = self.connection.call("record.mutate", wire.MutateRequest(mutations=mutations, dry_run=True), compress=True)
        self.assertEqual([result.rev for result in reply.results], [1] * 20)
        rows, _ = self.connection.records(kind=CUSTOMER, limit=200)
        self.assertEqual(len(rows), 200)
        self.assertGreater(self.connection.received_zstd, 0)

    def test_a_body_that_is_no_zstd_frame_fails_alone(self):
        self.connection.send_bytes(crm1.HEADER.pack(4, 1, crm1.REQUEST, crm1.FLAG_ZSTD, 3, 1) + b"junk")
        frame = self.connection.receive()
        self.assertEqual((frame.type, frame.code, frame.stream), (crm1.ERROR, INVALID, 1))


class Shutdown(unittest.TestCase):
    def test_what_is_under_way_arrives_and_what_is_new_is_refused(self):
        with Daemon(os.environ["CRMD"]) as daemon, Connection(daemon.port, daemon.ca) as connection:
            connection.hello()
            connection.login("admin", PASSWORD)
            load_samples(connection)
            watch = connection.ask("record.subscribe")
            connection.answer("record.subscribe", watch)
            listing = connection.ask("record.list", kind=CUSTOMER)
            chunks, received = [], 0
            while received < connection.server.limits.stream_credit:  # it waits for credit now: surely under way
                frame = connection.next_frame(listing)
                chunks.append(wire.ListChunk.FromString(frame.body))
                received += frame.length

            daemon.terminate()
            frame = connection.next_frame(0)
            goaway = wire.Goaway.FromString(frame.body)
            self.assertEqual((frame.type, goaway.status, goaway.last_stream), (crm1.GOAWAY, SHUTTING_DOWN, listing))
            self.assertTrue(goaway.text)
            with self.assertRaises(Refused) as late:
                connection.call("ping")
            error = late.exception.error
            self.assertEqual((error.status, error.retry, error.outcome), (SHUTTING_DOWN, AFTER, NOT_DONE))

            connection.grant(listing, received)
            rest, end = connection.collect("record.list", listing)
            self.assertEqual(sum(len(chunk.records) for chunk in chunks + rest), end.rows)
            self.assertEqual(end.rows, N_SAMPLES)
            self.assertRaises(Closed, connection.receive)
            self.assertEqual(daemon.process.wait(crm1.TIMEOUT), 0, daemon.log())


if __name__ == "__main__":
    unittest.main(verbosity=2)
