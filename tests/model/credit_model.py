"""The credit rules as a reference model: small, slow and plain, to be compared with the rules that a node runs.

It was written from the text of the credit grammar, so that agreement between the two means something. Everything a rule may see is
here: the state, an event's public header, and the block's time. Bodies, signatures and batches do not exist.

Events are named by number: `event_id` stands for the digest of a header, so two events with one number are the same event. Zero
digests are 0. Members, subjects, accounts and items are numbers too; whoever plays these events elsewhere maps them to bytes.

    world = World(Policy(), {1: LENDER, 2: BUREAU})
    result, detail = world.apply(Event(event_id=1, type="ACCOUNT_OPEN", ...), block_time_ms)

Where the text leaves a choice, README.md says what was decided, and why.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

DAY_MS = 86_400_000

LENDER, BUREAU, REGULATOR, OPERATOR = "LENDER", "BUREAU", "REGULATOR", "OPERATOR"
FURNISHERS = frozenset({LENDER, BUREAU})  # they report accounts and reserve
ASKERS = FURNISHERS | {REGULATOR}  # they do the rest; an operator runs a node and has no business with files

# The account's life. A star in the text is a terminal state here.
NONE, OPEN, FROZEN, CHARGED_OFF = "NONE", "OPEN", "FROZEN", "CHARGED_OFF"
CLOSED, SETTLED, TRANSFERRED, VOID = "CLOSED", "SETTLED", "TRANSFERRED", "VOID"
STATES = (NONE, OPEN, FROZEN, CHARGED_OFF, CLOSED, SETTLED, TRANSFERRED, VOID)
LIVING = frozenset({OPEN, FROZEN, CHARGED_OFF})
ON_FILE = frozenset(STATES) - {NONE}

INSTALMENT, REVOLVING = 1, 2  # enum account_type
NEW_STATES = {1: OPEN, 2: FROZEN}  # STATUS: new_state

# Each account type, with the states in which it is allowed.
ALLOWED_STATES: dict[str, frozenset[str]] = {
    "ACCOUNT_OPEN": frozenset({NONE}),
    "DISBURSE": frozenset({OPEN}),
    "PERIOD_REPORT": LIVING,
    "PAYMENT": LIVING,
    "LIMIT_CHANGE": frozenset({OPEN, FROZEN}),
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

# Bounds of one subject's file, which no policy lifts.
ACCOUNTS_MAX = 256
ACCOUNTS_OF_HOLDER_MAX = 64
RESERVATIONS_MAX = 64
CONSENTS_MAX, CONSENTS_OF_GRANTEE_MAX = 256, 16
DISPUTES_MAX, DISPUTES_OF_OPENER_MAX = 128, 16
LIFE_MAX = 8  # changes of state that an account remembers
MONTHS_MAX = 512  # from an account's first reported period to its last, both counted

# The results an event can have, in the order in which they win over each other.
RESULTS = ("NOT_ALLOWED", "WRONG_SUBJECT", "NOT_HOLDER", "DUPLICATE", "CONFLICT", "ITEM_TAKEN", "GAP", "FUTURE_DATE",
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
    """What the members balloted. A cap of 0 is no cap."""

    live_reservations_max: int = 0  # of a subject, the asked one among them
    lenders_max: int = 0  # members with an active account or a live reservation, the asker among them
    accounts_max: int = 0  # active accounts and live reservations, the asked one among them
    cooling_off_days: int = 0
    amount_caps: dict[int, int] = field(default_factory=dict)  # currency to minor units
    reservation_life_ms_max: int = DAY_MS
    authorization_from_ms: Optional[int] = None  # the block time that ends the backfill window
    purposes: int = 0b111111
    legal_bases: dict[str, int] = field(default_factory=dict)  # role to a mask: bit n-1 stands for basis n
    answer_ttl_ms: int = 3_600_000


class Entry:
    """One statement of fact about an account: the event that made it, and the corrections of it."""

    __slots__ = ("event", "versions", "retracted")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.versions = [event.event_id]  # the last one's body is in force, and a RETRACT of it brings back the one before
        self.retracted = False


class Account:
    """An account is keyed (member, account_ref) and is its own small chain."""

    def __init__(self, opening: Event, opened_day: int) -> None:
        self.opening = opening
        self.opened_day = opened_day  # from which cooling-off runs
        self.reserved = 0  # minor units, of its authorization
        self.state = NONE
        self.chain: list[int] = []  # the applied events: the index is the seq, the last is the head
        self.entries: list[Entry] = []
        self.versions: dict[int, Entry] = {}  # each event that ever was a version of an entry
        self.withdrawn: set[int] = set()  # each event that was retracted
        self.life: list[tuple[Entry, str]] = []  # life-changing entries in force, each with the state before it
        self.periods: set[int] = set()
        self.disbursements = 0  # in force
        self.taken_over = False  # its TRANSFER has met its linked opening

    def is_active(self) -> bool:
        """A transferred account counts as active until the linked opening."""
        return self.state in LIVING or (self.state == TRANSFERRED and not self.taken_over)

    def in_force(self) -> int:
        """How many statements of fact stand."""
        return sum(not entry.retracted for entry in self.entries)


@dataclass
class Consent:
    """A granted consent, with the uses that are left."""

    event: Event
    uses_left: int
    last_use_ms: Optional[int] = None
    revoked: bool = False

    def is_spent(self, now_ms: int, answer_ttl_ms: int) -> bool:
        """Whether nothing can come of it any more: no inquiry, and no answer to an earlier one."""
        answers = self.last_use_ms is not None and now_ms - self.last_use_ms < answer_ttl_ms
        return not answers and (self.uses_left == 0 or now_ms // DAY_MS > self.event.valid_until)


@dataclass
class Dispute:
    """A dispute: who opened it, who wrote what it is about."""

    opener: int
    author: int
    closed: bool = False


class Subject:
    """All that rules read about one borrower."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.refs: set[int] = set()
        self.reservations: dict[int, Event] = {}  # the granted ones, neither used nor cancelled; the id is the authorization number
        self.consents: dict[int, Consent] = {}
        self.inquiries: dict[int, tuple[Event, int]] = {}  # the granted ones, with the time of their block
        self.disputes: dict[int, Dispute] = {}
        self.authors: dict[int, int] = {}  # each applied event, with its member
        self.transfers: dict[int, Account] = {}  # TRANSFER events in force
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
        self.items: dict[tuple[int, int], tuple[int, str]] = {}  # (member, item) to the event and its result
        self._rules: dict[str, Callable[[Event, Subject, int], Verdict]] = {
            "RESERVE": self._rule_reserve,
            "RESERVE_CANCEL": self._rule_reserve_cancel,
            "CONSENT_GRANT": self._rule_consent_grant,
            "CONSENT_REVOKE": self._rule_consent_revoke,
            "INQUIRY": self._rule_inquiry,
            "DISPUTE_OPEN": self._rule_dispute_open,
            "STATEMENT": self._rule_statement,
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
        """The result an event would have."""
        if not self._is_allowed(event):
            return refuse("NOT_ALLOWED")
        subject = self.subjects[event.subject]
        if event.type in ALLOWED_STATES:
            return self._decide_account(event, subject, now_ms)
        return self._decide_item(event, subject, now_ms)

    def commit(self, event: Event, now_ms: int, result: str) -> None:
        """Carries out what `decide` said of this event, in the same state and at the same time."""
        subject = self.subjects[event.subject]
        refused = (event.type == "RESERVE" and result in ("REFUSED_CAP", "REFUSED_COOLING_OFF")) or \
            (event.type == "INQUIRY" and result == "NO_CONSENT")
        if result != "OK" and not refused:
            return
        subject.folded += 1
        if event.type in ITEM_TYPES:
            self.items[event.member_id, event.item_id] = (event.event_id, result)
        if refused:
            return
        subject.authors[event.event_id] = event.member_id
        if event.type in ALLOWED_STATES:
            self._commit_account(event, subject, now_ms)
        else:
            self._commit_item(event, subject, now_ms)

    def answers_again(self, inquiry_id: int, subject_number: int, now_ms: int) -> bool:
        """Whether a granted inquiry is answered when it is asked again: uncounted, within the policy's answer_ttl, and not after
        its consent was revoked."""
        subject = self.subjects[subject_number]
        found = subject.inquiries.get(inquiry_id)
        if found is None:
            return False
        event, decided_ms = found
        revoked = event.consent != 0 and subject.consents[event.consent].revoked
        return not revoked and now_ms - decided_ms < self.policy.answer_ttl_ms

    # ---- who may: NOT_ALLOWED, whatever is in the file

    def _is_allowed(self, event: Event) -> bool:
        role, policy = self.members.get(event.member_id), self.policy
        if event.type in ALLOWED_STATES or event.type in ("RESERVE", "RESERVE_CANCEL"):
            to_a_furnisher = event.type != "TRANSFER" or self.members.get(event.transferee) in FURNISHERS
            return role in FURNISHERS and to_a_furnisher
        if role not in ASKERS or event.type not in self._rules:
            return False
        if event.type == "CONSENT_GRANT":
            by_whom = event.member_id == event.grantee or role == BUREAU
            return by_whom and self.members.get(event.grantee) in ASKERS and not event.purposes & ~policy.purposes
        if event.type == "INQUIRY":
            on_law = event.legal_basis > 0 and policy.legal_bases.get(role or "", 0) >> (event.legal_basis - 1) & 1
            return bool(policy.purposes >> (event.purpose - 1) & 1 and (event.consent or on_law))
        return True

    # ---- items

    def _decide_item(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        taken = self.items.get((event.member_id, event.item_id))
        if taken == (event.event_id, "OK"):
            return refuse("DUPLICATE")
        if taken is not None:
            return ("ITEM_TAKEN", {"id": taken[0]})
        if event.event_date > now_ms // DAY_MS + 1:
            return refuse("FUTURE_DATE")
        return self._rules[event.type](event, subject, now_ms)

    def _commit_item(self, event: Event, subject: Subject, now_ms: int) -> None:
        number = event.event_id
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
                subject.consents[event.consent].last_use_ms = now_ms
        elif event.type == "DISPUTE_OPEN":
            subject.disputes[number] = Dispute(event.member_id, subject.authors[event.target])
        elif event.type == "DISPUTE_CLOSE":
            subject.disputes[event.dispute].closed = True

    # ---- reservations

    def _rule_reserve(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        """Applying it checks the policy: live reservations, active lenders and accounts of S, cooling-off since the last opening,
        total by currency of live reservations and authorised open accounts."""
        policy = self.policy
        if not now_ms < event.expires_ms <= now_ms + policy.reservation_life_ms_max:
            return ("REFUSED_CAP", {"reason": "LIFE"})
        live = [one for one in subject.reservations.values() if is_live(one, now_ms)]
        active = subject.active_accounts()
        lenders = {one.member_id for one in live} | {account.opening.member_id for account in active} | {event.member_id}
        if 0 < policy.live_reservations_max <= len(live) or len(live) >= RESERVATIONS_MAX:
            return ("REFUSED_CAP", {"reason": "RESERVATIONS"})
        if 0 < policy.lenders_max < len(lenders):
            return ("REFUSED_CAP", {"reason": "LENDERS"})
        if 0 < policy.accounts_max <= len(active) + len(live):
            return ("REFUSED_CAP", {"reason": "ACCOUNTS"})
        if self._is_cooling_off(subject, now_ms):
            return refuse("REFUSED_COOLING_OFF")
        if self._total_exceeds(event, live, active):
            return ("REFUSED_CAP", {"reason": "AMOUNT"})
        return ACCEPTED

    def _total_exceeds(self, event: Event, live: list[Event], active: list[Account]) -> bool:
        """Total by currency of live reservations and authorised open accounts."""
        cap = self.policy.amount_caps.get(event.currency)
        if cap is None:
            return False
        if event.amount_minor is None:
            return True
        total = event.amount_minor
        total += sum(one.amount_minor or 0 for one in live if one.currency == event.currency)
        total += sum(account.reserved for account in active if account.opening.currency == event.currency)
        return total > cap

    def _is_cooling_off(self, subject: Subject, now_ms: int) -> bool:
        """Cooling-off since the last opening."""
        return any(account.state != VOID and now_ms // DAY_MS < account.opened_day + self.policy.cooling_off_days
                   for account in subject.accounts)

    def _own_live(self, number: int, event: Event, subject: Subject, now_ms: int) -> Optional[Event]:
        """The reservation of this id, which to any member but its own does not exist."""
        reservation = subject.reservations.get(number)
        if reservation is None or reservation.member_id != event.member_id or not is_live(reservation, now_ms):
            return None
        return reservation

    def _rule_reserve_cancel(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        return ACCEPTED if self._own_live(event.reservation, event, subject, now_ms) else refuse("NO_TARGET")

    # ---- consents and inquiries

    def _rule_consent_grant(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        standing = [one for one in subject.consents.values()
                    if not one.revoked and not one.is_spent(now_ms, self.policy.answer_ttl_ms)]
        of_grantee = [one for one in standing if one.event.grantee == event.grantee]
        full = len(standing) >= CONSENTS_MAX or len(of_grantee) >= CONSENTS_OF_GRANTEE_MAX
        return refuse("ACCOUNT_LIMIT") if full else ACCEPTED

    def _rule_consent_revoke(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        """CONSENT_GRANT (by the grantee or a bureau; revoked by either or a regulator)."""
        consent = subject.consents.get(event.consent)
        if consent is None or consent.revoked or consent.is_spent(now_ms, self.policy.answer_ttl_ms):
            return refuse("NO_CONSENT")
        may = event.member_id == consent.event.grantee or self.members[event.member_id] in (BUREAU, REGULATOR)
        return ACCEPTED if may else refuse("NO_CONSENT")

    def _rule_inquiry(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        """Decided from consent records alone; whatever is wrong with a consent, the asker hears NO_CONSENT."""
        if not event.consent:
            return ACCEPTED
        consent = subject.consents.get(event.consent)
        if consent is None or consent.revoked or consent.uses_left == 0:
            return refuse("NO_CONSENT")
        grant = consent.event
        if grant.grantee != event.member_id or not grant.purposes >> (event.purpose - 1) & 1:
            return refuse("NO_CONSENT")
        return ACCEPTED if grant.valid_from <= now_ms // DAY_MS <= grant.valid_until else refuse("NO_CONSENT")

    # ---- disputes and statements

    def _knows_file(self, event: Event, subject: Subject, now_ms: int) -> bool:
        """Who may hear which events stand in a file: who was answered under a consent, bureaus and regulators."""
        return self.members[event.member_id] in (BUREAU, REGULATOR) or any(
            one.event.grantee == event.member_id and one.last_use_ms is not None and not one.revoked and
            not one.is_spent(now_ms, self.policy.answer_ttl_ms) for one in subject.consents.values())

    def _has_target(self, event: Event, subject: Subject, now_ms: int) -> bool:
        """Whether what is aimed at is there, for this member."""
        author = subject.authors.get(event.target)
        return author is not None and (author == event.member_id or self._knows_file(event, subject, now_ms))

    def _rule_dispute_open(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        if not self._has_target(event, subject, now_ms):
            return refuse("NO_TARGET")
        opened = [one for one in subject.disputes.values() if not one.closed]
        of_opener = [one for one in opened if one.opener == event.member_id]
        full = len(opened) >= DISPUTES_MAX or len(of_opener) >= DISPUTES_OF_OPENER_MAX
        return refuse("ACCOUNT_LIMIT") if full else ACCEPTED

    def _rule_statement(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        return refuse("NO_TARGET") if event.target and not self._has_target(event, subject, now_ms) else ACCEPTED

    def _hears(self, dispute: Dispute, event: Event, subject: Subject, now_ms: int) -> bool:
        """Whether a dispute exists for this member: its own, about what it wrote, or in a file that it furnishes to or knows."""
        own = event.member_id == dispute.opener or (event.member_id == dispute.author and not dispute.closed)
        furnishes = any(account.opening.member_id == event.member_id for account in subject.accounts)
        return own or furnishes or self._knows_file(event, subject, now_ms)

    def _rule_on_dispute(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        """ANSWER comes from the target's author, CLOSE from the opener's member or a bureau, never the author."""
        dispute = subject.disputes.get(event.dispute)
        if dispute is None or not self._hears(dispute, event, subject, now_ms):
            return refuse("NO_TARGET")
        if dispute.closed:
            return refuse("STALE_TARGET")
        is_author = event.member_id == dispute.author
        closes = event.member_id == dispute.opener or self.members[event.member_id] == BUREAU
        may = is_author if event.type == "DISPUTE_ANSWER" else closes and not is_author
        return ACCEPTED if may else refuse("NOT_ALLOWED")

    # ---- accounts

    def _decide_account(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
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
        if account is None and event.type != "ACCOUNT_OPEN" and event.account_ref in subject.refs:
            return refuse("NOT_HOLDER")
        chain = account.chain if account else []
        if event.account_seq < len(chain):
            winner = chain[event.account_seq]
            return refuse("DUPLICATE") if winner == event.event_id else ("CONFLICT", {"id": winner})
        head = chain[-1] if chain else 0
        if event.account_seq > len(chain) or event.account_prev != head:
            return ("GAP", {"seq": len(chain), "id": head})
        return None

    def _rule_life(self, event: Event, account: Account) -> Verdict:
        """What a state's table does not say: freezing, disbursement, periods."""
        kind = account.opening.account_type
        if event.type == "STATUS":
            to = NEW_STATES.get(event.new_state)
            return refuse("WRONG_STATE") if to in (None, account.state) or kind != REVOLVING else ACCEPTED
        if kind == INSTALMENT and not account.disbursements and event.type in ("PAYMENT", "PERIOD_REPORT"):
            return refuse("WRONG_STATE")
        if event.type == "PERIOD_REPORT":
            if event.period in account.periods:
                return refuse("PERIOD_TAKEN")
            months = [period // 100 * 12 + period % 100 for period in account.periods | {event.period}]
            return refuse("ACCOUNT_LIMIT") if max(months) - min(months) >= MONTHS_MAX else ACCEPTED
        return ACCEPTED

    def _rule_open(self, event: Event, subject: Subject, now_ms: int) -> Verdict:
        refusal = self._rule_linked_open(event, subject) if event.transfer_of \
            else self._rule_authorized_open(event, subject, now_ms)
        if refusal is not None:
            return refusal
        held = sum(account.opening.member_id == event.member_id for account in subject.accounts)
        full = len(subject.accounts) >= ACCOUNTS_MAX or held >= ACCOUNTS_OF_HOLDER_MAX
        return refuse("ACCOUNT_LIMIT") if full else ACCEPTED

    def _rule_linked_open(self, event: Event, subject: Subject) -> Optional[Verdict]:
        """The linked opening: once, same subject and currency, no reservation."""
        moved = subject.transfers.get(event.transfer_of)
        if moved is None or moved.life[-1][0].event.transferee != event.member_id:
            return refuse("NO_TARGET")
        if moved.taken_over:
            return refuse("STALE_TARGET")
        if event.authorization or moved.opening.currency != event.currency:
            return refuse("AUTHORIZATION_MISMATCH")
        return None

    def _rule_authorized_open(self, event: Event, subject: Subject, now_ms: int) -> Optional[Verdict]:
        """ACCOUNT_OPEN names a live authorization where the policy demands one; without one only in a backfill window."""
        if not event.authorization:
            demanded = self.policy.authorization_from_ms is not None and now_ms >= self.policy.authorization_from_ms
            return refuse("NO_AUTHORIZATION") if demanded else None
        reserved = self._own_live(event.authorization, event, subject, now_ms)
        if reserved is None:
            return refuse("NO_AUTHORIZATION")
        same = (event.account_type, event.currency) == (reserved.account_type, reserved.currency)
        within = reserved.amount_minor is None or event.amount_minor is None or event.amount_minor <= reserved.amount_minor
        return None if same and within else refuse("AUTHORIZATION_MISMATCH")

    # ---- remedies

    def _rule_remedy(self, event: Event, subject: Subject, account: Account) -> Verdict:
        """CORRECT aims at the version in force. RETRACT of the last life-changing event brings the previous state back."""
        entry = account.versions.get(event.target)
        if entry is None or (event.dispute and event.dispute not in subject.disputes):
            return refuse("NO_TARGET")
        if event.target in account.withdrawn:
            return refuse("STALE_TARGET")
        if entry.versions[-1] != event.target:
            return ("STALE_TARGET", {"id": entry.versions[entry.versions.index(event.target) + 1]})
        if event.type == "RETRACT" and len(entry.versions) == 1 and not self._is_retractable(entry, account):
            return refuse("WRONG_STATE")
        return ACCEPTED

    def _is_retractable(self, entry: Entry, account: Account) -> bool:
        """Whether taking the entry away leaves a life that can be told."""
        if entry.event.type == "ACCOUNT_OPEN":
            return account.in_force() == 1
        if entry.event.type not in LIFE_TYPES:
            return True
        return bool(account.life) and account.life[-1][0] is entry and not account.taken_over

    # ---- what an account's events change

    def _commit_account(self, event: Event, subject: Subject, now_ms: int) -> None:
        if event.type == "ACCOUNT_OPEN":
            account = self._commit_open(event, subject, now_ms)
        else:
            account = self.accounts[event.member_id, event.account_ref]
        account.chain.append(event.event_id)
        if event.type == "CORRECT":
            entry = account.versions[event.target]
            entry.versions.append(event.event_id)
            account.versions[event.event_id] = entry
        elif event.type == "RETRACT":
            self._commit_retract(event.target, subject, account)
        else:
            entry = Entry(event)
            account.entries.append(entry)
            account.versions[event.event_id] = entry
            self._commit_entry(entry, subject, account)

    def _commit_open(self, event: Event, subject: Subject, now_ms: int) -> Account:
        account = Account(event, event.event_date)
        self.accounts[event.member_id, event.account_ref] = account
        subject.accounts.append(account)
        subject.refs.add(event.account_ref)
        if event.authorization:
            reserved = subject.reservations.pop(event.authorization).amount_minor
            account.opened_day = now_ms // DAY_MS
            account.reserved = (reserved if event.amount_minor is None else event.amount_minor) or 0
        if event.transfer_of:
            moved = subject.transfers[event.transfer_of]
            moved.taken_over = True
            account.opened_day, account.reserved = moved.opened_day, moved.reserved
            account.disbursements = min(moved.disbursements, 1)
        return account

    def _commit_entry(self, entry: Entry, subject: Subject, account: Account) -> None:
        event = entry.event
        if event.type in LIFE_TYPES:
            account.life = (account.life + [(entry, account.state)])[-LIFE_MAX:]
        if event.type == "ACCOUNT_OPEN":
            account.state = OPEN
        elif event.type == "DISBURSE":
            account.disbursements += 1
        elif event.type == "PERIOD_REPORT":
            account.periods.add(event.period)
        elif event.type == "STATUS":
            account.state = NEW_STATES[event.new_state]
        elif event.type == "CHARGE_OFF":
            account.state = CHARGED_OFF
        elif event.type == "CLOSE":
            account.state = SETTLED if account.state == CHARGED_OFF else CLOSED
        elif event.type == "TRANSFER":
            account.state = TRANSFERRED
            subject.transfers[event.event_id] = account

    def _commit_retract(self, target: int, subject: Subject, account: Account) -> None:
        entry = account.versions[target]
        event = entry.event
        account.withdrawn.add(target)
        if len(entry.versions) > 1:
            entry.versions.pop()
            return
        entry.retracted = True
        if event.type == "ACCOUNT_OPEN":
            account.state = VOID
            if event.transfer_of:
                subject.transfers[event.transfer_of].taken_over = False
        elif event.type in LIFE_TYPES:
            account.state = account.life.pop()[1]
            subject.transfers.pop(target, None)
        elif event.type == "DISBURSE":
            account.disbursements -= 1
        elif event.type == "PERIOD_REPORT":
            account.periods.remove(event.period)

    # ---- the state, to compare

    def summary(self, now_ms: int) -> dict[str, Any]:
        """The whole state in an order that does not hang on the order of events, for a comparison at the end of a run."""
        ttl_ms = self.policy.answer_ttl_ms
        return {
            "accounts": [{"member": member, "ref": ref, "subject": one.opening.subject, "state": one.state, "seq": len(one.chain),
                          "head": one.chain[-1], "in_force": one.in_force(), "disbursements": one.disbursements,
                          "reserved": one.reserved, "opened_day": one.opened_day, "taken_over": one.taken_over,
                          "periods": sorted(one.periods)}
                         for (member, ref), one in sorted(self.accounts.items())],
            "subjects": [{"subject": number,
                          "folded": one.folded,
                          "reservations": sorted(n for n, r in one.reservations.items() if is_live(r, now_ms)),
                          "consents": [[n, c.uses_left] for n, c in sorted(one.consents.items())
                                       if not c.revoked and not c.is_spent(now_ms, ttl_ms)],
                          "disputes": sorted(n for n, d in one.disputes.items() if not d.closed),
                          "answered": sorted(n for n in one.inquiries if self.answers_again(n, number, now_ms))}
                         for number, one in sorted(self.subjects.items()) if one.folded],
        }
