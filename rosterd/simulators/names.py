"""The words worlds are made of: names of people, departments, titles, groups. generation.py draws from them."""

import unicodedata


def words(text: str) -> tuple[str, ...]:
    """A tuple of the words in a text: a long list that can still be read."""
    return tuple(text.split())


GIVEN = words(
    "Ada Aaliyah Adaeze Aiko Alejandro Aleksandra Amara Amélie Amina Anders Andrés Anika Antonio Arjun Astrid Ayşe "
    "Beatriz Benedikt Bilal Björn Camila Carlos Chiara Chidi Chloé Daniel David Deepika Dimitra Diego Elena Elif "
    "Emma Emeka Esther Eun-ji Fatima Felix Fiona François Freya Gabriela George Giulia Grace Hamza Hana Hannah "
    "Haruto Helga Ibrahim Ifeoma Ines Ingrid Isabel Ivan Jack Jakub James Javier Jiho Joana John José Julia Kaito "
    "Karim Kateryna Katherine Kofi Kwame Lars Laura Leila Liam Linh Louise Lucía Łukasz Maja Malik Mandla Marek "
    "Maria Mateo Matteo Mei Mehmet Michael Minh Mohammed Nadia Naledi Naomi Nia Nikolai Noah Noor Olga Oliver "
    "Olumide Omar Oscar Paolo Patrick Pedro Petra Priya Rachel Rafael Rahul Rania Ravi Renée Rosa Ruth Saanvi "
    "Samuel Sanjay Santiago Sara Siobhán Sofia Søren Stella Sunita Svetlana Tariq Tendai Thandiwe Thomas Tomás "
    "Ulrike Valentina Vikram Viktor Wanjiru Wei William Xiulan Yara Yasmin Yuki Yusuf Zainab Zanele Zoë Zuzana"
)

FAMILY = words(
    "Abdi Abe Acheampong Adebayo Agarwal Ahmed Almeida Álvarez Andersson Anderson Banda Baptiste Barbosa Bauer "
    "Becker Bello Bergström Bianchi Brown Campbell Castro Chanda Chen Choi Chowdhury Clark Costa Cruz Das Davies "
    "Delgado Demir Diallo Díaz Dlamini Dubois Duarte Eriksen Evans Eze Fernández Ferrari Fischer Fofanah García "
    "Georgiou Gomes Gonzalez Grant Green Gunawardena Gupta Haddad Hansen Harris Hassan Hernández Hopper Horvat "
    "Hughes Hussein Ibrahim Ito Ivanova Iyer Jackson Jansen Jensen Johnson Jones Joshi Kamau Kaya Khan Kim King "
    "Kipkemboi Kobayashi Kone Kovács Kowalski Kumar Lam Larsen Lee Lefèvre Lewis Li Lindqvist Lopez Lovelace "
    "MacLeod Mahlangu Marković Martin Martínez Mazur Mbeki Mendoza Mensah Meyer Mishra Mokoena Moreau Moreno Morris "
    "Müller Murphy Mwangi Nair Nakamura Nascimento Ndiaye Ng Nguyễn Nielsen Novák Nowak Nyambura O'Brien O'Connor "
    "Odhiambo Okafor Okonkwo Olsen Ortega Osei Öztürk Park Patel Pereira Petrov Pham Popescu Quiroga Rahman Ramirez "
    "Rao Reyes Ribeiro Ricci Roberts Rodríguez Romano Rossi Ryan Salah Santos Sato Schmidt Schneider Shah Sharma "
    "Shevchenko Silva Singh Smith Sousa Suzuki Svensson Takahashi Tan Taylor Tembo Thompson Torres Tran Turing "
    "Turner Usman Van-Dijk Vargas Vasilenko Virtanen Walker Wang Weber White Williams Wilson Wójcik Wong Wright "
    "Yadav Yamamoto Yang Yeboah Yıldız Young Zając Zhang Zhou Zulu"
)

TITLES = {
    "Engineering": ("Software Engineer", "Senior Software Engineer", "Staff Engineer", "Engineering Lead"),
    "Design": ("Product Designer", "UX Researcher", "Design Lead"),
    "Sales": ("Account Executive", "Sales Development Representative", "Sales Lead"),
    "Product": ("Product Manager", "Senior Product Manager", "Product Analyst"),
    "Marketing": ("Content Strategist", "Growth Marketer", "Brand Lead"),
    "Marketing Operations": ("Marketing Operations Specialist", "Campaign Engineer"),
    "Support": ("Support Specialist", "Support Engineer", "Support Lead"),
    "Finance": ("Accountant", "Financial Analyst", "Controller"),
    "People": ("Recruiter", "People Partner", "Payroll Specialist"),
    "Legal": ("Counsel", "Paralegal"),
    "Operations": ("Operations Analyst", "Office Coordinator"),
    "Security": ("Security Engineer", "Security Analyst"),
}
DEPARTMENTS = tuple(TITLES)

PLACES = words(
    "Accra Amsterdam Austin Bangalore Barcelona Berlin Bogotá Brisbane Chicago Copenhagen Dublin Hanoi Istanbul "
    "Jakarta Kigali Lagos Lisbon London Madrid Melbourne Milan Montréal Nairobi Osaka Oslo Paris Prague Seattle "
    "Seoul Singapore Stockholm Sydney Toronto Vienna Warsaw Zürich"
)

_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "ß": "ss", "æ": "ae"})


def ascii_slug(text: str) -> str:
    """ "Zoë O'Brien" → "zoe.obrien": the local part of an address; only a-z, 0-9, "." and "-" are left."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS)).replace(" ", ".")
    return "".join(c for c in plain if c.isascii() and (c.isalnum() or c in ".-"))


def group_names(count: int, admins: str) -> list[str]:
    """`count` group names: the admins group, the departments, then department by place, then numbered projects."""
    names = [admins, *DEPARTMENTS]
    names += [f"{department} {place}" for place in PLACES for department in DEPARTMENTS]
    names += [f"Project {number}" for number in range(1, count - len(names) + 1)]
    return names[:count]
