"""Terms put before their parties, consented to, withdrawn, ended by notice.

Each step looks at what the chain has and does what is missing, so it can be repeated after whatever
interrupted it: what was done before is said to be so, and is no error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from ledger.chain import Receipt
from ledger.clients.agreements import Agreements, Consent
from ledger.errors import InvalidValue
from ledger.terms import Terms
from settlement.agreements.desk import Desk
from settlement.agreements.document import read
from settlement.agreements.errors import NotTheirs, SharingRefused
from settlement.agreements.names import Names
from settlement.agreements.registry import Known, Proposal, Registry
from settlement.errors import FileRefused, FileUnreadable, NameUnknown
from settlement.files import read_regular
from settlement.operations import Ledger

_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
Hex32 = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]
Hex = Annotated[str, StringConstraints(pattern=r"^0x(?:[0-9a-f]{2}){1,4096}$")]


class ConsentDiffers(FileRefused):
    """The consent in the file at `path` does not count for the terms that it was given with."""


class Handed(BaseModel):
    """A consent as it is handed over, in JSON. What is signed is `terms_hash`, the EIP-712 digest of the
    terms for one contract on one chain; the rest says in words what that is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    agreement: str
    version: int
    terms_hash: Hex32
    institution: str
    signature: Hex
    domain: dict[str, str | int] = {}


class Office:
    """A ledger's agreements and what was proposed, by the names that people use."""

    def __init__(self, ledger: Ledger) -> None:
        self.desk = Desk(ledger)
        self.ledger = ledger
        self.contract: Agreements = ledger.market.clients.agreements
        self.names = Names.of(ledger.market.index, ledger.market.asset)

    @property
    def registry(self) -> Registry:
        """What there is on the ledger."""
        return self.desk.facts.registry

    def read(self) -> None:
        """Take account of what has happened since."""
        self.desk.read()

    def name(self, terms: Terms) -> str:
        """How people call the agreement: "Aldersgate/platform"."""
        return f"{self.names.institution(terms.payer)}/{terms.name}"

    def who(self, institutions: Iterable[int]) -> list[str]:
        """Their names."""
        return [self.names.institution(each) for each in institutions]

    def digest(self, terms: Terms) -> bytes:
        """What is consented to."""
        return terms.digest(self.contract.domain)

    def is_whole(self, proposal: Proposal) -> bool:
        """Whether the terms that are shown are all that is signed: their words give the same hash."""
        try:
            return self.digest(proposal.terms) == proposal.terms_hash
        except InvalidValue:
            return False  # a name that is not ASCII

    def document(self, path: str | Path) -> Terms:
        """The terms in a file. Raises AgreementInvalid, where they are new on the ledger also because they
        come too late or their version is not the next, and FileRefused.
        """
        data = read_regular(path)
        terms = read(data, str(path), self.names)
        if self.digest(terms) in self.registry.proposals:
            return terms
        following = self._following(terms)
        return read(data, str(path), self.names, self.desk.now_s, following)

    def proposal(self, what: str, version: int | None = None, *, pending: bool = False) -> Proposal:
        """What "0x…" (a hash), "payer/name" or "payer/name@version" names: of an agreement the newest version
        in force or to come, or what was proposed last where there is none. Where a `pending` one is meant, it
        is what waits for consents under that name; there must be one only, as anybody can propose more.

        Raises NameUnknown and SharingRefused.
        """
        if _HASH.fullmatch(what):
            found = self.registry.proposals.get(bytes.fromhex(what[2:]))
            if found is None:
                known = [f"0x{each.hex()}" for each in self.registry.proposals]
                raise NameUnknown("terms with hash", what, known[-3:] or ["none yet"])
            return found
        named = self._named(what, version)
        waiting = [each for each in self.open() if each in named] if pending else []
        if len(waiting) > 1:
            hashes = ", ".join(f"0x{each.terms_hash.hex()}" for each in waiting)
            raise SharingRefused(what, f"several terms wait for consents; say which by its hash: {hashes}")
        # The last of equals: what was proposed last.
        return (waiting or sorted(named, key=lambda each: bool(each.agreement_id) * each.terms.version))[-1]

    def concluded(self, what: str) -> Known:
        """The agreement "payer/name", which is in force or will be. Raises NameUnknown."""
        for each in self.registry.agreements.values():
            if what == self.name(each.newest.terms):
                return each
        known = [self.name(each.newest.terms) for each in self.registry.agreements.values()]
        raise NameUnknown("agreement", what, known or ["none yet"])

    def open(self) -> list[Proposal]:
        """What was proposed, is not in force, and still can come into force as the next version."""
        found = []
        for each in self.registry.proposals.values():
            if not each.agreement_id and each.terms.version == self._following(each.terms):
                found.append(each)
        return found

    def stands(self, what: str, version: int | None, terms: Terms) -> Proposal | None:
        """What was proposed of the terms that `terms` found."""
        try:
            return self.proposal(what, version)
        except NameUnknown:
            return self.registry.proposals.get(self.digest(terms))

    def terms(self, what: str, version: int | None = None, *, pending: bool = False) -> Terms:
        """The terms that `proposal` finds, or those in the file at that path."""
        try:
            return self.proposal(what, version, pending=pending).terms
        except NameUnknown:
            if version is None and _is_file(what):
                return read(read_regular(what), what, self.names)
            raise

    def _following(self, terms: Terms) -> int:
        """The version that the payer's agreement of that name can have next."""
        known = self.registry.named(terms.payer, terms.name)
        return (len(known.versions) if known else 0) + 1

    def _named(self, what: str, version: int | None) -> list[Proposal]:
        every = list(self.registry.proposals.values())
        found = [each for each in every if self.name(each.terms) == what]
        name, _, number = what.rpartition("@")
        if not found and version is None and re.fullmatch("[1-9][0-9]{0,9}", number):
            found, version = [each for each in every if self.name(each.terms) == name], int(number)
        if version is not None:
            versions = sorted({each.terms.version for each in found})
            found = [each for each in found if each.terms.version == version]
            if versions and not found:
                name = f"{what.rpartition('@')[0] or what}@{version}"
                raise NameUnknown("version", name, [str(each) for each in versions])
        if not found:
            known = sorted({self.name(each.terms) for each in every})
            raise NameUnknown("agreement", what, known or ["none yet"])
        return found


def propose(
    office: Office, terms: Terms, by: str | None = None, consents: Sequence[Consent] = ()
) -> Receipt | None:
    """Put terms before their parties, as the payer where nobody else is named; None where that was done
    before and no consent is new. Raises NotTheirs, NameUnknown and what the contract refuses.
    """
    name = office.name(terms)
    parties = office.who((terms.payer, *terms.parties))
    sender = by or parties[0]
    own = office.desk.institution(sender)
    if sender not in parties and not consents:
        raise NotTheirs(name, sender, "propose it", parties)
    known = office.registry.proposals.get(office.digest(terms))
    if known is not None:
        if known.agreement_id:
            return None
        consents = [each for each in consents if each.institution not in known.consented]
        if not consents and (own in known.consented or own in known.withdrawn):
            return None
    sent = office.contract.propose(office.desk.signer(sender), terms, consents)
    office.read()
    return sent


def consent(office: Office, proposal: Proposal, institutions: Sequence[str]) -> Receipt | None:
    """Consent as each of the institutions whose keys are here, the first of which sends it; None where all
    have consented. Raises NotTheirs, NameUnknown and what the contract refuses.
    """
    parties = office.who(proposal.signatories)
    for each in institutions:
        office.desk.institution(each)
        if each not in parties:
            raise NotTheirs(office.name(proposal.terms), each, "consent", parties)
    missing = [each for each in institutions if each in office.who(proposal.missing)]
    if not missing or proposal.agreement_id:
        return None
    first, *others = missing
    given = [signed(office, proposal.terms_hash, each) for each in others]
    sent = office.contract.consent(office.desk.signer(first), proposal.terms_hash, given)
    office.read()
    return sent


def held(office: Office, proposal: Proposal) -> list[str]:
    """Who has not consented, has not refused, and has its key here."""
    asked = [each for each in proposal.missing if each not in proposal.withdrawn]
    return [each for each in office.who(asked) if each in office.ledger.market.signers]


def withdraw(office: Office, proposal: Proposal, by: str) -> Receipt | None:
    """Take a consent back, or refuse beforehand; None where that was done before. Raises SharingRefused where
    the terms have been concluded, NotTheirs, NameUnknown.
    """
    name, index = office.name(proposal.terms), office.desk.institution(by)
    if index not in proposal.signatories:
        raise NotTheirs(name, by, "withdraw its consent", office.who(proposal.signatories))
    if proposal.agreement_id:
        reason = f"all have consented to version {proposal.terms.version}; it ends by notice"
        raise SharingRefused(name, reason)
    if index in proposal.withdrawn:
        return None
    sent = office.contract.withdraw_consent(office.desk.signer(by), proposal.terms_hash)
    office.read()
    return sent


def give_notice(office: Office, known: Known, by: str) -> Receipt | None:
    """End an agreement as its terms say; None where notice was given before. Raises NotTheirs and
    NameUnknown.
    """
    terms = known.newest.terms
    parties = office.who((terms.payer, *terms.parties))
    office.desk.institution(by)
    if by not in parties:
        raise NotTheirs(office.name(terms), by, "give notice", parties)
    if known.notice is not None:
        return None
    sent = office.contract.give_notice(office.desk.signer(by), known.agreement_id)
    office.read()
    return sent


def signed(office: Office, terms_hash: bytes, institution: str) -> Consent:
    """A consent signed with the key that is here; nothing is sent."""
    index = office.desk.institution(institution)
    return Consent.of(index, office.desk.signer(institution), terms_hash)


def handed(office: Office, terms: Terms, institution: str) -> Handed:
    """A consent to hand over. Raises NotTheirs and NameUnknown."""
    parties = office.who((terms.payer, *terms.parties))
    office.desk.institution(institution)
    if institution not in parties:
        raise NotTheirs(office.name(terms), institution, "consent", parties)
    digest, domain = office.digest(terms), office.contract.domain
    return Handed(
        agreement=office.name(terms),
        version=terms.version,
        terms_hash=f"0x{digest.hex()}",
        institution=institution,
        signature=f"0x{signed(office, digest, institution).signature.hex()}",
        domain={
            "name": domain.name,
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": domain.contract,
        },
    )


def received(office: Office, terms: Terms, path: Path) -> Consent:
    """The consent in a file that was handed over. Raises FileUnreadable, ConsentDiffers."""
    try:
        found = Handed.model_validate_json(read_regular(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise FileUnreadable(str(path), f"it is no consent: {where}: {first['msg']}") from None
    digest = f"0x{office.digest(terms).hex()}"
    if found.terms_hash != digest:
        other = f"{found.agreement}, version {found.version}, {found.terms_hash}"
        raise ConsentDiffers(str(path), f"is a consent to {other}, not to {digest}")
    parties = office.who((terms.payer, *terms.parties))
    if found.institution not in parties:
        raise ConsentDiffers(str(path), f"is {found.institution}'s, which is neither payer nor party")
    return Consent(office.names.institutions[found.institution], bytes.fromhex(found.signature[2:]))


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
