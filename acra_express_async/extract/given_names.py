"""Given names and surnames common in Singapore, used to tell a personal mailbox from an office mailbox."""

from __future__ import annotations

_GIVEN = frozenset(
    """aaron abdul adam adeline adrian ah ahmad aileen aisha alan albert alex alexander alfred alice alicia
    alvin amanda amy andrea andrew andy angela angelina anita ann anna annie anthony anton april arun ashley
    audrey azman barbara belinda ben benjamin benny bernard beverly bob bobby brandon brenda brian bryan calvin
    candice carol caroline catherine cecilia celine charlene charles charlie charlotte cheryl chloe chris
    christina christine christopher cindy claire clara clarence colin connie crystal cynthia daisy daniel danny
    daphne darren david dawn debbie deborah denise dennis derek desmond diana dominic donald donna doreen doris
    dorothy douglas eddie edmund edward edwin eileen elaine elizabeth ellen elson elvin emily emma eric erica
    ernest esther eugene eunice evelyn fadzil faith fandi farah farid farhan fatimah felicia felix fiona frances
    francis frank frankie fred freddie gabriel gary geoffrey george gerald gilbert gillian gladys glenn gloria
    gordon grace graham greg gurmit hafiz hannah harold harry harvey hazel heather helen henry howard ian
    ibrahim irene iris irwin isaac isabel ismail ivan ivy jack jackie jackson jacob jacqueline jaclyn james
    jamie jane janet janice jason jasmine jasper jay jean jeffrey jenn jennifer jenny jeremy jerome jerry jesse
    jessica jessie jill jimmy jin joan joanna joanne joe joel john johnny jolene jonathan joseph josephine
    joshua joy joyce jude judy julia julian juliana julie jun june justin kaiwen kamal karen kate katherine
    kathy kelly kelvin ken kenneth kenny kevin kimberly kumar lawrence lena leonard leslie lester lewis lily
    linda lionel lisa lorraine louis louisa lucas lucy luke lydia lynn mabel mandy marcus margaret maria marina
    mark martin mary matthew maurice max may megan mei melissa melvin mervyn michael michelle mike ming mohamed
    mohammad muhammad nadia nancy natalie natasha nathan neil nelson nicholas nicole nigel nora norman nur nurul
    olivia oscar pamela patricia patrick paul paula pauline peggy penny peter philip phoebe priscilla priya
    rachel rahim raj rajesh ramesh ravi raymond rebecca regina rei ricky rina rita robert robin roger roland
    ronald ronnie rosalind rose roy russell ruth ryan sally sam samantha samuel sandra sara sarah sean selina
    serene sharon shaun shawn sheila shirley siti simon sophia stanley stella stephanie stephen steve steven
    stuart sunny suresh susan suzanne sylvia tammy ted teresa terence terry thomas tim timothy tina tom tommy
    tony tracy valerie vanessa vera vernon veronica victor victoria vijay vincent violet vivian vivien walter
    wayne wei weiming wendy wesley wilfred william wilson winnie winston xavier xin yasmin ying yong yusof
    yvonne zachary zainal zoe tan lim lee ng ong wong goh chua chan koh teo ang yeo tay ho low toh sim chong
    chia foo""".split()
)


def is_given_name(word: str) -> bool:
    """True when the word (lower-case ASCII) is a common personal name."""
    return word in _GIVEN
