"""The credit rules as a reference model: small, slow and plain, to be compared with the rules that a node runs.

It was written from the text of the credit grammar alone, so that agreement between the two means something. Everything a rule may
see is here: the state, an event's public header, and the block's time. Bodies, signatures and batches do not exist.

Events are named by number: `event_id` stands for the digest of a header, so two events with one number are the same event. Zero
digests are 0. Members, subjects, accounts and items are numbers too; whoever plays these events elsewhere maps them to bytes.

    world = World(Policy(), {1: LENDER, 2: BUREAU})
    result, detail = world.apply(Event(event_id=1, type="ACCOUNT_OPEN", ...), block_time_ms)

Where the text leaves a choice, the rule adds the choice's name to `world.doubts`; doubts.py says in a sentence what was chosen.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

DAY_MS = 86_400_000

# Roles of members. The text restricts only the granting and revoking of consents and the closing of disputes by role.
LENDER, BUREAU, REGULATOR = "LENDER", "BUREAU", "REGULATOR"

# The account's life. A star in the text is a terminal state here.
NONE, OPEN, FROZEN, CHARGED_OFF = "NONE", "OPEN", "FROZEN", "CHARGED_OFF"
CLOSED, SETTLED, TRANSFERRED, VOID = "CLOSED", "SETTLED", "TRANSFERRED", "VOID"
STATES = (NONE, OPEN, FROZEN, CHARGED_OFF, CLOSED, SETTLED, TRANSFERRED, VOID)
LIVING = frozenset({OPEN, FROZEN, CHARGED_OFF})
ON_FILE = frozenset(STATES) - {NONE}

INSTALMENT, REVOLVING = 1, 2  # enum account_type
NEW_STATES = {1: OPEN, 2: FROZEN}  # STATUS: new_state

# Each account type, with the states in which the diagram allows it. It does not draw DISBURSE, PERIOD_REPORT, PAYMENT and
# LIMIT_CHANGE: those are barred by the word "terminal" alone.
ALLOWED_STATES: dict[str, frozenset[str]] = {
    "ACCOUNT_OPEN": frozenset({NONE}),
    "DISBURSE": LIVING,
    "PERIOD_REPORT": LIVING,
    "PAYMENT": LIVING,
    "LIMIT_CHANGE": LIVING,
    "STATUS": frozenset({OPEN, FROZEN}),
    "CHARGE_OFF": frozenset({OPEN, FROZEN}),
    "RECOVERY": frozenset({CHARGED_OFF}),
    "TRANSFER": LIVING,
    "CLOSE": LIVING,
    "CORRECT": ON_FILE,
    "RETRACT": ON_FILE,
}
ACCOUNT_TYPES = tuple(ALLOWED_STATES)
ITEM_TYPES = ("CONSENT_GRANT", "CONSENT_REVOKE", "INQUIRY", "RESERVE", "RESERVE_CANCEL",
              "DISPUTE_OPEN", "DISPUTE_ANSWER", "DISPUTE_CLOSE", "STATEMENT")
LIFE_TYPES = frozenset({"STATUS", "CHARGE_OFF", "TRANSFER", "CLOSE"})  # beside ACCOUNT_OPEN, which begins the life

# The results an event can have, in the order in which they win over each other.
RESULTS = ("NOT_ALLOWED", "WRONG_SUBJECT", "NOT_HOLDER", "DUPLICATE", "CONFLICT", "ITEM_TAKEN", "GAP", "FUTURE_DATE", "PAST",
           "WRONG_STATE", "PERIOD_TAKEN", "NO_TARGET", "STALE_TARGET", "NO_AUTHORIZATION", "AUTHORIZATION_MISMATCH",
           "REFUSED_CAP", "REFUSED_COOLING_OFF", "NO_CONSENT", "ACCOUNT_LIMIT", "OK")
# Given before an event's own rule is asked.
EARLY_RESULTS = frozenset(RESULTS[:8])

Detail = Optional[dict[str, Any]]
Verdict = tuple[str, Detail]
ACCEPTED: Verdict = ("OK", None)


def refuse(result: str) -> Verdict:
    """A refusal that says no more than its name."""
    return (result, None)


class Event:
    """A header's public fields. What an event's type does not have keeps the value below."""

    event_id: int = 0
    type: str = ""
    member_id: int = 0
    subject: int = 0
    event_date: int = 0  # days since 1970-01-01
    # An account event has these three; every other event has an item.
    account_ref: int = 0
    account_seq: int = 0
    account_prev: int = 0
    item_id: int = 0
    # ACCOUNT_OPEN and RESERVE
    account_type: int = 0
    product: int = 0
    currency: int = 0
    amount_minor: Optional[int] = None
    authorization: int = 0
    transfer_of: int = 0
    expires_ms: int = 0
    reservation: int = 0
    # The account's other events
    period: int = 0
    close_kind: int = 0
    new_state: int = 0
    reason: int = 0
    transferee: int = 0
    # Remedies
    target: int = 0
    dispute: int = 0
    category: int = 0
    outcome: int = 0
    # Access
    grantee: int = 0
    purposes: int = 0  # bit n-1 stands for purpose n
    valid_from: int = 0
    valid_until: int = 0
    max_uses: int = 0
    consent: int = 0
    purpose: int = 0
    legal_basis: int = 0

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


def is_live(reserve: Event, now_ms: int) -> bool:
    """Live is a function of block time: no sweeps."""
    return now_ms < reserve.expires_ms


@dataclass(frozen=True)
class Policy:
    """What the members balloted. A cap of None is no cap."""

    reservations_max: Optional[int] = None  # live reservations of a subject
    lenders_max: Optional[int] = None  # members with active accounts, the asker among them
    accounts_max: Optional[int] = None  # active accounts
    total_max: dict[int, int] = field(default_factory=dict)  # currency to minor units
    cooling_off_ms: int = 0
    reservation_ms_max: int = DAY_MS
    authorization_demanded: bool = False
    backfill_from_ms: int = 0  # a window that is empty unless balloted
    backfill_until_ms: int = 0
    answer_ttl_ms: int = 3_600_000
    purposes: int = 0b111111
    subject_accounts_max: Optional[int] = None  # a bound on the state of one subject, not a credit policy


class Entry:
    """One statement of fact about an account: the event that made it, and what remedies have done to it."""

    __slots__ = ("event", "version", "retracted")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.version = event.event_id  # the event whose body is in force
        self.retracted = False


class Account:
    """An account is keyed (member, account_ref) and is its own small chain."""

    __slots__ = ("opening", "opened_ms", "state", "chain", "entries", "versions", "life", "periods", "disbursements", "taken_over")

    def __init__(self, opening: Event, opened_ms: int) -> None:
        self.opening = opening
        self.opened_ms = opened_ms
        self.state = NONE
        self.chain: list[int] = []  # the applied events: the index is the seq, the last is the head
        self.entries: list[Entry] = []
        self.versions: dict[int, Entry] = {}  # each event that ever was a version of an entry
        self.life: list[tuple[Entry, str]] = []  # life-changing entries in force, each with the state before it
        self.periods: dict[int, Entry] = {}
        self.disbursements = 0  # in force
        self.taken_over = False  # its TRANSFER has met its linked opening

    def is_active(self) -> bool:
        """A transferred account counts as active until the linked opening."""
        return self.state in LIVING or (self.state == TRANSFERRED and not self.taken_over)

    def is_alone(self) -> bool:
        """Whether nothing but the opening is in force."""
        return all(entry.retracted for entry in self.entries[1:])


@dataclass
class Consent:
    """A granted consent, with the uses that are left."""

    event: Event
    uses_left: int
    revoked: bool = False


@dataclass
class Dispute:
    """A dispute: who opened it, who wrote what it is about."""

    opener: int
    author: int
    answers: int = 0
    closed: bool = False


class Subject:
    """All that rules read about one borrower."""

    __slots__ = ("accounts", "refs", "reservations", "consents", "inquiries", "disputes", "authors", "transfers", "folded")

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.refs: set[int] = set()
        self.reservations: dict[int, Event] = {}  # the granted ones, neither used nor cancelled; the id is the authorization number
        self.consents: dict[int, Consent] = {}
        self.inquiries: dict[int, tuple[Event, int]] = {}  # the granted ones, with the time of their block
        self.disputes: dict[int, Dispute] = {}
        self.authors: dict[int, int] = {}  # each event of the file, with its member
        self.transfers: dict[int, Account] = {}  # TRANSFER events in force that no opening has taken over
        self.folded = 0  # how many events the file has

    def active_accounts(self) -> list[Account]:
        """The accounts that count against a policy's caps."""
        return [account for account in self.accounts if account.is_active()]


class World:
    """The state of a network: its policy, its members' roles, and every subject.

    `decide` rules on an event and changes nothing; `commit` carries its result out; `apply` is both.
    """

    def __init__(self, policy: Policy, members: dict[int, str]) -> None:
        self.policy = policy
        self.members = members
        self.subjects: defaultdict[int, Subject] = defaultdict(Subject)
        self.accounts: dict[tuple[int, int], Account] = {}
        self.items: dict[tuple[int, int], int] = {}
        self.refused_items: set[tuple[int, int]] = set()
        self.refused_inquiries: set[int] = set()
        self.doubts: list[str] = []
        self._relations: dict[str, Callable[[Event, Subject], bool]] = {
            "CONSENT_GRANT": self._may_grant,
            "CONSENT_REVOKE": self._may_revoke,
            "DISPUTE_ANSWER": self._may_answer,
            "DISPUTE_CLOSE": self._may_close,
        }
        self._rules: dict[str, Callable[[Event, Subject, int], Verdict]] = {
            "RESERVE": self._rule_reserve,
            "RESERVE_CANCEL": self._rule_reserve_cancel,
            "CONSENT_GRANT": lambda event, subject, now_ms: ACCEPTED,
            "CONSENT_REVOKE": self._rule_consent_revoke,
            "INQUIRY": self._rule_inquiry,
            "DISPUTE_OPEN": self._rule_on_target,
            "STATEMENT": self._rule_on_target,
            "DISPUTE_ANSWER": self._rule_on_dispute,
            "DISPUTE_CLOSE": self._rule_on_dispute,
        }

    # ---- the public operations

    def apply(self, event: Event, now_ms: int) -> Verdict:
        """Rules on an event at its place in the order, in a block of time `now_ms`, and changes the state accordingly."""
        verdict = self.decide(event, now_ms)
        self.commit(event, now_ms, verdict[0])
        return verdict

    def decide(self, event: Event, now_ms: int) -> Verdict:
        """The result an event would have. Leaves in `doubts` the choices that it hung on."""
        self.doubts = []
        role = self.members.get(event.member_id)
        subject = self.subjects[event.subject]
        if role is None or (event.type not in ALLOWED_STATES and event.type not in self._rules):
            return refuse("NOT_ALLOWED")
        relation = self._relations.get(event.type)
        if relation is not None and not relation(event, subject):
            return refuse("NOT_ALLOWED")
        if event.type in ALLOWED_STATES:
            return self._decide_account(event, subject, now_ms, role)
        return self._decide_item(event, subject, now_ms, role)

    def commit(self, event: Event, now_ms: int, result: str) -> None:
        """Carries out what `decide` said of this event, in the same state and at the same time."""
        subject = self.subjects[event.subject]
        if result == "OK":
            if event.type in ALLOWED_STATES:
                self._commit_account(event, subject, now_ms)
            else:
                self._commit_item(event, subject, now_ms)
        elif event.type == "RESERVE" and result not in ("DUPLICATE", "ITEM_TAKEN") and event.member_id in self.members:
            self.items[event.member_id, event.item_id] = event.event_id
            self.refused_items.add((event.member_id, event.item_id))
        elif event.type == "INQUIRY" and result in ("NO_CONSENT", "FUTURE_DATE"):
            self.refused_inquiries.add(event.event_id)
        else:
            return
        subject.authors[event.event_id] = event.member_id
        subject.folded += 1

    def answers_again(self, inquiry_id: int, subject_number: int, now_ms: int) -> bool:
        """Whether a granted inquiry is answered when it is asked again: uncounted, within the policy's answer_ttl, and not after
        its consent was revoked."""
        subject = self.subjects[subject_number]
        found = subject.inquiries.get(inquiry_id)
        if found is None:
            return False
        event, decided_ms = found
        revoked = event.consent != 0 and subject.consents[event.consent].revoked
        return not revoked and now_ms - decided_ms <= self.policy.answer_ttl_ms

    def _doubt(self, name: str) -> None:
        self.doubts.append(name)

    # ---- who may: NOT_ALLOWED

    def _may_grant(self, event: Event, subject: Subject) -> bool:
        """CONSENT_GRANT (by the grantee or a bureau; ..."""
        return event.member_id == event.grantee or self.members[event.member_id] == BUREAU

    def _may_revoke(self, event: Event, subject: Subject) -> bool:
        """... revoked by either or a regulator)."""
        consent = subject.consents.get(event.consent)
        if consent is None or event.member_id == consent.event.grantee:
            return True
        if self.members[event.member_id] == BUREAU and event.member_id != consent.event.member_id:
            self._doubt("revoke-any-bureau")
        if self.members[event.member_id] == LENDER:
            self._doubt("relation-first")
        return self.members[event.member_id] in (BUREAU, REGULATOR)

    def _may_answer(self, event: Event, subject: Subject) -> bool:
        """ANSWER comes from the target's author, ..."""
        dispute = subject.disputes.get(event.dispute)
        if dispute is None or event.member_id == dispute.author:
            return True
        self._doubt("relation-first")
        return False

    def _may_close(self, event: Event, subject: Subject) -> bool:
        """... CLOSE from the opener's member or a bureau, never the author."""
        dispute = subject.disputes.get(event.dispute)
        if dispute is None:
            return True
        member = event.member_id
        if dispute.author == dispute.opener:
            self._doubt("dispute-author-opens")
        if member != dispute.author and (member == dispute.opener or self.members[member] == BUREAU):
            return True
        self._doubt("relation-first")
        return False

    # ---- items

    def _decide_item(self, event: Event, subject: Subject, now_ms: int, role: str) -> Verdict:
        if role == REGULATOR and event.type in ("RESERVE", "RESERVE_CANCEL"):
            self._doubt("regulator-furnishes")
        if event.type == "RESERVE_CANCEL":
            reservation = subject.reservations.get(event.reservation)
            if reservation and reservation.member_id != event.member_id and is_live(reservation, now_ms):
                self._doubt("cancel-by-stranger")
                return refuse("NOT_HOLDER")
        key = (event.member_id, event.item_id)
        taken = self.items.get(key)
        if taken is not None:
            return self._decide_taken(event, key, taken)
        if event.event_date > now_ms // DAY_MS + 1:
            if event.type == "RESERVE":
                self._doubt("reserve-item-used")
            return refuse("FUTURE_DATE")
        return self._rules[event.type](event, subject, now_ms)

    def _decide_taken(self, event: Event, key: tuple[int, int], taken: int) -> Verdict:
        if taken == event.event_id:
            if key in self.refused_items:
                self._doubt("refused-reserve-again")
            return refuse("DUPLICATE")
        return ("ITEM_TAKEN", {"winner": taken})

    def _commit_item(self, event: Event, subject: Subject, now_ms: int) -> None:
        number = event.event_id
        self.items[event.member_id, event.item_id] = number
        if event.type == "RESERVE":
            subject.reservations[number] = event
        elif event.type == "RESERVE_CANCEL":
            del subject.reservations[event.reservation]
        elif event.type == "CONSENT_GRANT":
            subject.consents[number] = Consent(event, event.max_uses)
        elif event.type == "CONSENT_REVOKE":
            subject.consents[event.consent].revoked = True
        elif event.type == "INQUIRY":
            subject.inquiries[number] = (event, now_ms)
            if event.consent:
                subject.consents[event.consent].uses_left -= 1
        elif event.type == "DISPUTE_OPEN":
            subject.disputes[number] = Dispute(event.member_id, subject.authors[event.target])
        elif event.type == "DISPUTE_ANSWER":
            subject.disputes[event.dispute].answers += 1
        elif event.type == "DISPUTE_CLOSE":
            subject.disputes[event.dispute].closed = True

    # ---- reservations

    def _rule_reserve(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        """Applying it checks the policy in ledger order."""
        if event.expires_ms <= now_ms:
            self._doubt("expiry-past")
            return refuse("PAST")
        if event.expires_ms > now_ms + self.policy.reservation_ms_max:
            self._doubt("expiry-far")
            return refuse("NOT_ALLOWED")
        cap = self._cap_reached(event, subject, now_ms)
        if cap is not None:
            return ("REFUSED_CAP", {"cap": cap})
        if self._is_cooling_off(subject, now_ms):
            return refuse("REFUSED_COOLING_OFF")
        return ("OK", {"authorization": event.event_id})

    def _cap_reached(self, event: Event, subject: Subject, now_ms: int) -> Optional[str]:
        """The first cap, in the text's order, that this reservation would exceed."""
        policy = self.policy
        live = [one for one in subject.reservations.values() if is_live(one, now_ms)]
        if any(one.expires_ms == now_ms for one in subject.reservations.values()):
            self._doubt("expiry-edge")
        if policy.reservations_max is not None and len(live) + 1 > policy.reservations_max:
            return "RESERVATIONS"
        if policy.lenders_max is None and policy.accounts_max is None and not policy.total_max:
            return None
        active = subject.active_accounts()
        if any(account.state == CHARGED_OFF for account in active):
            self._doubt("cap-charged-off")
        if any(account.state == TRANSFERRED for account in active):
            self._doubt("cap-transferred")
        lenders = {account.opening.member_id for account in active} | {event.member_id}
        if policy.lenders_max is not None:
            if len(lenders) > policy.lenders_max:
                return "LENDERS"
            if len(lenders.union(one.member_id for one in live)) > policy.lenders_max:
                self._doubt("cap-pending")
        if policy.accounts_max is not None:
            if len(active) + 1 > policy.accounts_max:
                return "ACCOUNTS"
            if len(active) + len(live) + 1 > policy.accounts_max:
                self._doubt("cap-pending")
        return "AMOUNT" if self._total_exceeds(event, live, active) else None

    def _total_exceeds(self, event: Event, live: list[Event], active: list[Account]) -> bool:
        """Total by currency of live reservations and authorised open accounts."""
        total_max = self.policy.total_max.get(event.currency)
        if total_max is None:
            return False
        if event.amount_minor is None:
            self._doubt("cap-no-amount")
            return True
        total = event.amount_minor
        for one in live:
            if one.currency == event.currency:
                total += one.amount_minor or 0
        for account in active:
            if account.opening.authorization and account.opening.currency == event.currency:
                total += account.opening.amount_minor or 0
        return total > total_max

    def _is_cooling_off(self, subject: Subject, now_ms: int) -> bool:
        """Cooling-off since the last opening."""
        span = self.policy.cooling_off_ms
        cooling, by_date, but_linked, with_void = False, False, False, False
        for account in subject.accounts:
            recent = now_ms - account.opened_ms < span
            with_void |= recent
            if account.state != VOID:
                cooling |= recent
                but_linked |= recent and not account.opening.transfer_of
                by_date |= now_ms - account.opening.event_date * DAY_MS < span
        for differs, doubt in ((by_date, "cooling-clock"), (but_linked, "cooling-linked"), (with_void, "cooling-void")):
            if differs != cooling:
                self._doubt(doubt)
        return cooling

    def _rule_reserve_cancel(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        reservation = subject.reservations.get(event.reservation)
        if reservation is None or not is_live(reservation, now_ms):
            self._doubt("cancel-dead")
            return refuse("NO_AUTHORIZATION")
        return ACCEPTED

    # ---- consents and inquiries

    def _rule_consent_revoke(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        consent = subject.consents.get(event.consent)
        if consent is None or consent.revoked:
            self._doubt("revoke-nothing")
            return refuse("NO_CONSENT")
        return ACCEPTED

    def _rule_inquiry(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        """Decided from consent records alone; whatever is wrong with a consent, the asker hears NO_CONSENT."""
        if event.event_id in self.refused_inquiries:
            self._doubt("refused-inquiry-again")
        bit = 1 << (event.purpose - 1)
        if not self.policy.purposes & bit:
            self._doubt("policy-purpose")
            return refuse("NO_CONSENT")
        if not event.consent:
            self._doubt("legal-basis")
            return ACCEPTED
        consent = subject.consents.get(event.consent)
        if consent is None or consent.revoked or consent.uses_left == 0:
            return refuse("NO_CONSENT")
        grant = consent.event
        day = now_ms // DAY_MS
        if grant.grantee != event.member_id or not grant.purposes & bit:
            return refuse("NO_CONSENT")
        in_force = grant.valid_from <= day <= grant.valid_until
        if in_force != (grant.valid_from <= event.event_date <= grant.valid_until):
            self._doubt("consent-clock")
        return ACCEPTED if in_force else refuse("NO_CONSENT")

    # ---- disputes and statements

    def _rule_on_target(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        """DISPUTE_OPEN and STATEMENT: the target, where one is named, is in this subject's file."""
        if not event.target:
            return ACCEPTED
        if event.target not in subject.authors:
            return refuse("NO_TARGET")
        entries = [account.versions.get(event.target) for account in subject.accounts]
        if not any(entry and not entry.retracted and entry.version == event.target for entry in entries):
            self._doubt("dispute-target")
        return ACCEPTED

    def _rule_on_dispute(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        """DISPUTE_ANSWER and DISPUTE_CLOSE."""
        dispute = subject.disputes.get(event.dispute)
        if dispute is None:
            return refuse("NO_TARGET")
        if dispute.closed:
            self._doubt("dispute-closed")
            return refuse("WRONG_STATE")
        if dispute.answers > 0 and event.type == "DISPUTE_ANSWER":
            self._doubt("dispute-closed")
        return ACCEPTED

    # ---- accounts

    def _decide_account(self, event: Event, subject: Subject, now_ms: int, role: str) -> Verdict:
        if role == REGULATOR:
            self._doubt("regulator-furnishes")
        account = self.accounts.get((event.member_id, event.account_ref))
        refusal = self._decide_place(event, subject, account)
        if refusal is not None:
            return refusal
        if event.event_date > now_ms // DAY_MS + 1:
            return refuse("FUTURE_DATE")
        state = account.state if account else NONE
        if state not in ALLOWED_STATES[event.type]:
            return refuse("WRONG_STATE")
        if event.type == "ACCOUNT_OPEN":
            return self._rule_open(event, subject, now_ms)
        assert account is not None  # only an opening is allowed in state NONE
        if event.type in ("CORRECT", "RETRACT"):
            return self._rule_remedy(event, subject, account)
        return self._rule_life(event, account)

    def _decide_place(self, event: Event, subject: Subject, account: Optional[Account]) -> Optional[Verdict]:
        """Whose account this is, and whether the event is the next of its chain."""
        if account is not None and account.opening.subject != event.subject:
            return refuse("WRONG_SUBJECT")
        if event.type == "ACCOUNT_OPEN":
            moved = subject.transfers.get(event.transfer_of)
            if moved is not None and moved.life[-1][0].event.transferee != event.member_id:
                self._doubt("taken-over-by-stranger")
                return refuse("NOT_HOLDER")
        elif account is None and event.account_ref in subject.refs:
            self._doubt("not-holder-by-ref")
            return refuse("NOT_HOLDER")
        chain = account.chain if account else []
        if event.account_seq < len(chain):
            winner = chain[event.account_seq]
            return refuse("DUPLICATE") if winner == event.event_id else ("CONFLICT", {"winner": winner})
        head = chain[-1] if chain else 0
        if event.account_seq > len(chain) or event.account_prev != head:
            if event.account_seq == len(chain):
                self._doubt("wrong-prev")
            return ("GAP", {"seq": len(chain), "head": head})
        return None

    def _rule_life(self, event: Event, account: Account) -> Verdict:
        """What a state's table does not say: freezing, disbursement, periods."""
        kind = account.opening.account_type
        if event.type == "STATUS":
            if NEW_STATES.get(event.new_state) == account.state:
                self._doubt("status-same")
                return refuse("WRONG_STATE")
            if event.new_state not in NEW_STATES or (event.new_state == 2 and kind != REVOLVING):
                return refuse("WRONG_STATE")
        if event.type in ("DISBURSE", "PERIOD_REPORT", "PAYMENT", "LIMIT_CHANGE") and account.state != OPEN:
            self._doubt("undrawn-type")
        if kind == INSTALMENT and event.type == "LIMIT_CHANGE":
            self._doubt("limit-instalment")
        if kind == INSTALMENT and not account.disbursements and event.type != "DISBURSE":
            if event.type in ("PAYMENT", "PERIOD_REPORT"):
                if account.opening.transfer_of:
                    self._doubt("taken-over-undisbursed")
                return refuse("WRONG_STATE")
            self._doubt("undisbursed")
        if event.type == "PERIOD_REPORT" and event.period in account.periods:
            return refuse("PERIOD_TAKEN")
        return ACCEPTED

    def _rule_open(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        refusal = self._rule_linked_open(event, subject) if event.transfer_of \
            else self._rule_authorized_open(event, subject, now_ms)
        if refusal is not None:
            return refusal
        limit = self.policy.subject_accounts_max
        if limit is not None and len(subject.accounts) >= limit:
            self._doubt("account-limit")
            return refuse("ACCOUNT_LIMIT")
        return ACCEPTED

    def _rule_linked_open(self, event: Event, subject: Subject) -> Optional[Verdict]:
        """The linked opening: once, same subject and currency, no reservation."""
        moved = subject.transfers.get(event.transfer_of)
        if moved is None:
            self._doubt("transfer-gone")
            return refuse("NO_TARGET")
        if event.authorization:
            self._doubt("transfer-and-authorization")
            return refuse("AUTHORIZATION_MISMATCH")
        if moved.opening.currency != event.currency:
            self._doubt("transfer-currency")
            return refuse("AUTHORIZATION_MISMATCH")
        return None

    def _rule_authorized_open(self, event: Event, subject: Subject, now_ms: int) -> Optional[Verdict]:
        """ACCOUNT_OPEN names a live authorization where the policy demands one; without one only in a backfill window."""
        policy = self.policy
        if not event.authorization:
            backfill = policy.backfill_from_ms <= now_ms < policy.backfill_until_ms
            if now_ms in (policy.backfill_from_ms, policy.backfill_until_ms):
                self._doubt("backfill-edge")
            return refuse("NO_AUTHORIZATION") if policy.authorization_demanded and not backfill else None
        if not policy.authorization_demanded:
            self._doubt("authorization-voluntary")
        reservation = subject.reservations.get(event.authorization)
        if reservation is None:
            if any(event.authorization in other.reservations for other in self.subjects.values()):
                self._doubt("authorization-elsewhere")
            return refuse("NO_AUTHORIZATION")
        if reservation.expires_ms == now_ms:
            self._doubt("expiry-edge")
        if not is_live(reservation, now_ms):
            return refuse("NO_AUTHORIZATION")
        return None if self._matches(event, reservation) else refuse("AUTHORIZATION_MISMATCH")

    def _matches(self, event: Event, reserved: Event) -> bool:
        """Same member, subject, type and currency, amount at most the reserved."""
        if (event.member_id, event.account_type, event.currency) != \
                (reserved.member_id, reserved.account_type, reserved.currency):
            return False
        if reserved.amount_minor is None:
            return True
        if event.amount_minor is None:
            self._doubt("authorization-amount")
            return False
        return event.amount_minor <= reserved.amount_minor

    # ---- remedies

    def _rule_remedy(self, event: Event, subject: Subject, account: Account) -> Verdict:
        """CORRECT aims at the version in force. RETRACT of the last life-changing event brings the previous state back."""
        entry = account.versions.get(event.target)
        if event.type == "RETRACT" and entry is not None and not self._is_retractable(entry, account):
            self._doubt("retract-earlier")
            return refuse("WRONG_STATE")
        if event.dispute and event.dispute not in subject.disputes:
            self._doubt("remedy-dispute")
            return refuse("NO_TARGET")
        if entry is None:
            if event.target in account.chain:
                self._doubt("target-remedy")
            return refuse("NO_TARGET")
        if entry.retracted:
            self._doubt("retract-again")
            return refuse("STALE_TARGET")
        if entry.version != entry.event.event_id and event.type == "RETRACT":
            self._doubt("correction-version")
        if entry.version != event.target:
            return refuse("STALE_TARGET")
        if event.type == "RETRACT":
            self._doubt_retract(entry, account)
        return ACCEPTED

    def _is_retractable(self, entry: Entry, account: Account) -> bool:
        """Whether taking the entry away leaves a life that can be told."""
        if entry.retracted:
            return True  # nothing is taken away; the target is stale
        if entry.event.type == "ACCOUNT_OPEN":
            return account.is_alone()
        return entry.event.type not in LIFE_TYPES or account.life[-1][0] is entry

    def _doubt_retract(self, entry: Entry, account: Account) -> None:
        """Names the choices behind a retraction that is granted."""
        kind = entry.event.type
        if kind == "ACCOUNT_OPEN":
            if len(account.entries) > 1:
                self._doubt("lone-after-retracts")
            if account.opening.authorization:
                self._doubt("void-authorization")
            if account.opening.transfer_of:
                self._doubt("void-successor")
        elif kind == "DISBURSE" and account.disbursements == 1:
            self._doubt("retract-disburse")
        elif kind == "PERIOD_REPORT":
            self._doubt("retract-period")
        elif kind == "TRANSFER" and account.taken_over:
            self._doubt("retract-taken-transfer")
        elif kind == "CHARGE_OFF" and any(e.event.type == "RECOVERY" and not e.retracted for e in account.entries):
            self._doubt("retract-charge-off")
        if kind in LIFE_TYPES and any(e.retracted and e.event.type in LIFE_TYPES for e in account.entries):
            self._doubt("retract-twice")

    # ---- what an account's events change

    def _commit_account(self, event: Event, subject: Subject, now_ms: int) -> None:
        if event.type == "ACCOUNT_OPEN":
            account = self._commit_open(event, subject, now_ms)
        else:
            account = self.accounts[event.member_id, event.account_ref]
        account.chain.append(event.event_id)
        if event.type == "CORRECT":
            entry = account.versions[event.target]
            entry.version = event.event_id
            account.versions[event.event_id] = entry
        elif event.type == "RETRACT":
            self._commit_retract(account.versions[event.target], subject, account)
        else:
            entry = Entry(event)
            account.entries.append(entry)
            account.versions[event.event_id] = entry
            self._commit_entry(entry, subject, account)

    def _commit_open(self, event: Event, subject: Subject, now_ms: int) -> Account:
        account = Account(event, now_ms)
        self.accounts[event.member_id, event.account_ref] = account
        subject.accounts.append(account)
        subject.refs.add(event.account_ref)
        if event.authorization:
            del subject.reservations[event.authorization]
        if event.transfer_of:
            subject.transfers.pop(event.transfer_of).taken_over = True
        return account

    def _commit_entry(self, entry: Entry, subject: Subject, account: Account) -> None:
        event = entry.event
        if event.type in LIFE_TYPES:
            account.life.append((entry, account.state))
        if event.type == "ACCOUNT_OPEN":
            account.state = OPEN
        elif event.type == "DISBURSE":
            account.disbursements += 1
        elif event.type == "PERIOD_REPORT":
            account.periods[event.period] = entry
        elif event.type == "STATUS":
            account.state = NEW_STATES[event.new_state]
        elif event.type == "CHARGE_OFF":
            account.state = CHARGED_OFF
        elif event.type == "CLOSE":
            account.state = SETTLED if account.state == CHARGED_OFF else CLOSED
        elif event.type == "TRANSFER":
            account.state = TRANSFERRED
            account.taken_over = False
            subject.transfers[event.event_id] = account

    def _commit_retract(self, entry: Entry, subject: Subject, account: Account) -> None:
        event = entry.event
        entry.retracted = True
        if event.type == "ACCOUNT_OPEN":
            account.state = VOID
        elif event.type in LIFE_TYPES:
            account.state = account.life.pop()[1]
            subject.transfers.pop(event.event_id, None)
        elif event.type == "DISBURSE":
            account.disbursements -= 1
        elif event.type == "PERIOD_REPORT":
            del account.periods[event.period]

    # ---- the state, to compare

    def summary(self, now_ms: int) -> dict[str, Any]:
        """The whole state in an order that does not hang on the order of events, for a comparison at the end of a run."""
        return {
            "accounts": [[member, ref, account.opening.subject, account.state, len(account.chain), account.chain[-1],
                          sorted(account.periods)]
                         for (member, ref), account in sorted(self.accounts.items())],
            "items": sorted([member, item, number] for (member, item), number in self.items.items()),
            "subjects": [{"subject": number,
                          "folded": one.folded,
                          "live_reservations": sorted(n for n, r in one.reservations.items() if is_live(r, now_ms)),
                          "consents": [[n, c.uses_left, c.revoked] for n, c in sorted(one.consents.items())],
                          "disputes": [[n, d.answers, d.closed] for n, d in sorted(one.disputes.items())]}
                         for number, one in sorted(self.subjects.items()) if one.folded],
        }
