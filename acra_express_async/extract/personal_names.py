"""Does a word read as a person's name? A second look at words that would otherwise count as a role.

No list holds all names, so a word is never a role because it is missing here. The lists only take words back that an
office could use as well: a flower that is also a given name, a firm's name that is its owner's, and English words that
are spelled like an initial with a local surname (S. Tay is ``stay``) or like the syllables of a Chinese name.
"""

from __future__ import annotations

from collections.abc import Sequence

from acra_express_async.extract.kept_answers import kept_short
from acra_express_async.extract.word_lists import FAMILY_NAMES, GIVEN_NAMES

SURNAMES = frozenset(
    """ang aw chan chang chee chen cheng cheong chew chia chiam chin chng cho choo chong chow chua chung fang fong foo
    goh gan gao gwee han heng ho hoe hong hu huang kang khoo khor koh kok kong koo kwan kwek kwok lai lam lau law lee
    leong leow li liang liew lim lin ling liu loh loke loo low lu lum mah mok neo ng ngo oh oei ong ooi ow pang peh
    phang phua poh poon quah quek seah see seet seow sia siew sim siow soh song soo soon sun tan tang tay teh teng teo
    thia tham tiong toh tong wan wang wee wei wong woo wu xie xu yam yang yap yeo yeoh yeow yip yong you yu zhang zhao
    zheng zhou zhu""".split()
)
"""Chinese surnames as Singapore spells them, the common ones; they stand behind initials (ktlim) or before them."""

SYLLABLES = SURNAMES | frozenset(
    """ah ai aik an ann bao bee bei beng bin bing bo bock boon cai chao cheah chek chiang chien chim choon chor chuan
    chun chwee chye cong dan dong ee ek en eng er fa fei fen feng fu gang gek geok gim guan guang guat gui guo hai hao
    hee hian hiang hin hiok hock hoon hua huan huat hui hun hwa hwee jia jian jiang jiao jie jin jing jiu joo jui jun
    kah kai keat kee keng keong khai kheng khim khoon kiat kiang kian kiew kim kin kiong koon kuan kun kwang kwong lan
    lang lay lei leng li lian lien lih liong liping long lun luo man mee mei meng miao min ming moi mui mun na nam nan
    ngee nian nie ning oon pak peck pei peng phaik pheng phoon pin ping poey poy pui puay qi qian qiang qiao qin qing
    qiu quan rong ru rui ruo san say seng seok sew shan shen sheng shi shih shu shuang shuen shui shun siak siam siang
    siong sin sing siok sock sook sor su suan sui swee tai tak tat tao teck tee teik tek tian tiang ting tien tiew tor
    tuan tuck wah wai wen weng wing xi xia xian xiang xiao xin xing xiu xuan xue ya yan yao ye yee yen yew yi yim yin
    ying yock yoke yoon yue yuen yuet yun ze zhe zhen zhi zhong zi zong""".split()
)
"""Syllables of Chinese names in pinyin and in the local spellings of Hokkien, Teochew, Cantonese and Hakka."""

_LOCAL_NAMES = frozenset(
    """abdul abdullah adam adi ahmad aida aini aishah akmal alif alwi amin amir amira ammar anis aqilah ariff arif
    ashraf asri ayu azhar aziz azman azmi azura bakar dahlia danial daud dewi dian dina diyana eka elfi fadli fahmi
    faiz faizal farah farid faris fatimah fauzi fazli firdaus fitri hadi hafiz haida haikal hairul hakim halim halimah
    hamid hamzah hana hani hanif harun hasan hashim hassan helmi huda husna hussein idris ilyas imran indah intan irfan
    irwan ishak iskandar ismail izzat jalil jamal jamil juliana kadir kamal kamaruddin karim khadijah latif lina lutfi
    mahmud malik mariam mawar melati mohamad mohamed mohammad mohd muhamad muhammad munir musa mustafa mutiara nabil
    nabilah nadia najib nasir nizam noor nor nora nur nurul omar osman puteri putri raihan ramli rashid razak ridwan
    rizal rohani rosli rosnah sabri safiah saiful salleh salmah sari shafiq shah sharif sharifah siti suhaila sulaiman
    suria syed taufik umar wahid wati yahya yasin yusof yusuf zaid zaini zainal zakaria zaki zul
    aarti abhishek aditya ajay ajit akash akshay amit amrit anand anita anjali ankit anil aravind arjun arun arvind
    asha ashok ashwin babu bala balan bharat chandra chandran chitra deep deepa deepak dev devi dilip dinesh divya
    durga ganesh ganga gauri gayathri geetha gita gopal gopi govind gupta guru hari harish hema indira indra jay jaya
    jeeva jyoti kala kalai kamala kannan kapoor karan karthik kaur khan kiran kishore krishna kumar kumari lakshmi
    lalita lata latha leela lucky madhu mala malar mani manik manoj maya meena megha mina mira mohan mukesh murali nair
    nanda nandini naresh naveen neha nila nirmala nisha nithya om pandi param patel pinky pooja prabhu pradeep prakash
    pramod prasad praveen prem preeti priya puja pushpa radha raghu rahul raj raja rajan rajesh rajiv raju rakesh rama
    raman ramesh ramya rani rao rashmi rathi ravi reddy rekha renu reva rishi ritu rohan rohit roopa sagar sai samir
    sandeep sangeetha sanjay sanjeev santosh saran saras sathish selva seshan shanker shankar shanthi sharma shiva
    shobha shree shreya shyam siddharth sindhu singh sita siva sneha soma sonia sri srinivas subra sudha suman sunil
    suresh surya swathi tara tej uma usha vani varun veda veera velu venkat vidya vijay vikas vimala vinay vinod vishal
    vivek yash
    albuquerque aroozoo barth carvalho conceicao coelho cordeiro costa cruz danker desilva desouza dias fernandez
    fernandes ferreira gomes gomez jansen klass lazaroo lopez marbeck mendes menezes minjoot monteiro nonis oliveira
    oliveiro pasqual pereira pestana peterson pinto ribeiro rodrigues rozario santa santos scully sequeira shelley
    silva skelton souza tessensohn theseira vaz woodford zuzarte""".split()
)
"""Given names and family names of Malay, Indian and Eurasian families, in the spellings of Singapore."""

_CHOSEN = frozenset(
    """apple bunny candy cherry cloud coco darling echo hana jelly joyce kitty lovely lucky melody mickey minnie orange
    peach pinky princess rainbow sky snow sunny sunshine sweety venus vanilla""".split()
)
"""Words that people take as a given name in East and Southeast Asia."""

_SHORTEST_BESIDE_TWO = 3
"""A surname of two letters beside two initials reads as too many English words (G. R. Ow is ``grow``)."""
_MOST_SYLLABLES = 3


def is_a_given_name(word: str) -> bool:
    """True for a word of the lists of given names, not for one that only could be read as syllables or initials."""
    return word in GIVEN_NAMES or word in _LOCAL_NAMES or word in _CHOSEN


@kept_short
def reads_as_a_name(word: str) -> bool:
    """True for a word that people are called by, alone or with initials; lower-case ASCII letters."""
    return is_a_given_name(word) or _is_made_of_syllables(word, _MOST_SYLLABLES) or _is_surname_with_initials(word)


def reads_as_a_full_name(words: Sequence[str]) -> bool:
    """True for two to four words that are all names (TAN WEI MING, John Tan, John Smith).

    Two Chinese syllables (TONG LEE, ZHONG CHENG) are how firms are named that belong to no person of that name.
    """
    if not 2 <= len(words) <= 4 or not all(reads_as_a_name(word) for word in words[:-1]):
        return False
    if not reads_as_a_name(words[-1]) and words[-1] not in FAMILY_NAMES:
        return False
    if all(word in SYLLABLES for word in words):
        return len(words) >= 3 and words[0] in SURNAMES
    return True


def _is_made_of_syllables(word: str, most: int) -> bool:
    if word in SYLLABLES:
        return True
    return most > 1 and any(
        word[:at] in SYLLABLES and _is_made_of_syllables(word[at:], most - 1) for at in range(2, len(word) - 1)
    )


def _is_surname_with_initials(word: str) -> bool:
    if word[1:] in SURNAMES:
        return True
    return any(
        len(surname) >= _SHORTEST_BESIDE_TWO and surname in SURNAMES for surname in (word[2:], word[:-1], word[:-2])
    )
