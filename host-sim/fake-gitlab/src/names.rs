//! Invented people's names: as written, and as they appear in a user name.

const GIVEN: [(&str, &str); 40] = [
    ("Ada", "ada"),
    ("Zoë", "zoe"),
    ("Łukasz", "lukasz"),
    ("Søren", "soren"),
    ("José", "jose"),
    ("Мария", "maria"),
    ("健", "ken"),
    ("Ayşe", "ayse"),
    ("Björn", "bjorn"),
    ("Chloé", "chloe"),
    ("Dmytro", "dmytro"),
    ("Eilidh", "eilidh"),
    ("Fatima", "fatima"),
    ("Göran", "goran"),
    ("Hana", "hana"),
    ("İpek", "ipek"),
    ("Jürgen", "juergen"),
    ("Katarína", "katarina"),
    ("Lê", "le"),
    ("Miguel", "miguel"),
    ("Nuno", "nuno"),
    ("Oluwaseun", "oluwaseun"),
    ("Priya", "priya"),
    ("Quentin", "quentin"),
    ("Rosa", "rosa"),
    ("Siobhán", "siobhan"),
    ("Tomáš", "tomas"),
    ("Uwe", "uwe"),
    ("Vasilis", "vasilis"),
    ("Wanda", "wanda"),
    ("Ximena", "ximena"),
    ("Yara", "yara"),
    ("Žofie", "zofie"),
    ("Amir", "amir"),
    ("Bo", "bo"),
    ("Carla", "carla"),
    ("Dan", "dan"),
    ("Elif", "elif"),
    ("Farid", "farid"),
    ("Greta", "greta"),
];

const SURNAMES: [(&str, &str); 40] = [
    ("Krüger", "krueger"),
    ("O'Brien", "obrien"),
    ("Nguyễn", "nguyen"),
    ("Müller-Lüdenscheidt", "mueller"),
    ("Иванова", "ivanova"),
    ("田中", "tanaka"),
    ("García", "garcia"),
    ("Øster", "oster"),
    ("Dvořák", "dvorak"),
    ("Şahin", "sahin"),
    ("Smith", "smith"),
    ("Jones", "jones"),
    ("van der Berg", "vanderberg"),
    ("Rossi", "rossi"),
    ("Kowalski", "kowalski"),
    ("Silva", "silva"),
    ("Papadopoulos", "papadopoulos"),
    ("Haddad", "haddad"),
    ("Okafor", "okafor"),
    ("Sharma", "sharma"),
    ("Johansson", "johansson"),
    ("Virtanen", "virtanen"),
    ("Dubois", "dubois"),
    ("Weiß", "weiss"),
    ("Novak", "novak"),
    ("Popescu", "popescu"),
    ("Horváth", "horvath"),
    ("Petrov", "petrov"),
    ("Kim", "kim"),
    ("Chen", "chen"),
    ("Ferreira", "ferreira"),
    ("Larsen", "larsen"),
    ("Byrne", "byrne"),
    ("Moreau", "moreau"),
    ("Fischer", "fischer"),
    ("Costa", "costa"),
    ("Yılmaz", "yilmaz"),
    ("Jensen", "jensen"),
    ("Brown", "brown"),
    ("Lee <R&D>", "lee"),
];

fn pick(table: &'static [(&'static str, &'static str)], draw: u64) -> (&'static str, &'static str) {
    let len = u64::try_from(table.len()).unwrap_or(1);
    let place = usize::try_from(draw.checked_rem(len).unwrap_or(0)).unwrap_or(0);
    table.get(place).copied().unwrap_or(("", ""))
}

/// A given name for 64 random bits: as written, and in ASCII.
pub(crate) fn given(draw: u64) -> (&'static str, &'static str) {
    pick(&GIVEN, draw)
}

/// A surname for 64 random bits: as written, and in ASCII.
pub(crate) fn surname(draw: u64) -> (&'static str, &'static str) {
    pick(&SURNAMES, draw)
}
