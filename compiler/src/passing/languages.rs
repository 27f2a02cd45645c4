//! The same signs in other languages: who asked for what, who speaks, how a session went.
//!
//! Most of the rules read English. What a text says in another language is not judged by them, but
//! these few signs are as telling as theirs, and a text that has one waits for a person.

use super::grammar::{FINITE, FUNCTION, among};
use crate::rules::words;

/// Words for the person, and verbs of what they want: together they tell a wish or a manner.
const PERSONS: &[&str] = &[
    "benutzer",
    "nutzer",
    "anwender",
    "utilisateur",
    "usuario",
    "usuária",
    "usuário",
    "utente",
    "gebruiker",
    "użytkownik",
    "пользователь",
    "用户",
    "ユーザー",
    "사용자",
];
const WANTS: &[&str] = &[
    // German, Dutch
    "wollte",
    "möchte",
    " will ",
    " bat ",
    "fragte",
    "bevorzugt",
    " mag ",
    "wünscht",
    "vroeg",
    " wil ",
    "verkiest",
    // French, Spanish, Portuguese, Italian
    "demandé",
    "demande",
    " veut",
    "voulait",
    "préfère",
    "souhaite",
    " aime",
    "pidió",
    " quiere",
    "quería",
    "prefiere",
    "pediu",
    " quer ",
    "queria",
    "prefere",
    "chiesto",
    " vuole",
    "preferisce",
    // Polish, Russian
    "poprosił",
    " chce",
    "woli",
    "попросил",
    "хочет",
    "хотел",
    "предпочитает",
    // Chinese, Japanese, Korean
    "要求",
    "希望",
    "喜欢",
    "偏好",
    "想要",
    "好み",
    "好む",
    "望",
    "求め",
    "依頼",
    "요청",
    "원하",
    "선호",
];

/// Forms in which whoever writes speaks of themselves.
const SELF: &[&str] = &[
    " ich ",
    " mir ",
    " je ",
    " j'ai ",
    " j’ai ",
    " yo ",
    " voy a ",
    " estoy ",
    " eu ",
    " vou ",
    " estou ",
    " io ",
    " sto ",
    " ik ",
    " ja ",
    " я ",
    "我",
    "私",
    "これから",
    "저는",
    "제가",
];

/// Words for a session.
const SESSIONS: &[&str] = &[
    "dieser sitzung",
    "diese sitzung",
    "cette session",
    "la session s'est",
    "esta sesión",
    "la sesión",
    "esta sessão",
    "nesta sessão",
    "a sessão terminou",
    "questa sessione",
    "deze sessie",
    "tej sesji",
    "этой сессии",
    "本次会话",
    "这次会话",
    "会话中",
    "このセッション",
    "今回のセッション",
    "이 세션",
    "이번 세션",
];

/// Words for tests, and how they end.
const TESTS: &[&str] = &[
    "tests",
    "testfälle",
    "prüfungen",
    "pruebas",
    "testes",
    "prove",
    "testy",
    "тесты",
    "测试",
    "テスト",
    "테스트",
];
const PASS: &[&str] = &[
    "durch.",
    "bestanden",
    "grün",
    "erfolgreich",
    "passent",
    "réussi",
    " pasan",
    "pasaron",
    "passam",
    "passaram",
    "superati",
    "passano",
    "slagen",
    "geslaagd",
    "przechodzą",
    "прошли",
    "проходят",
    "通过",
    "成功",
    "통과",
];

/// What is only polite.
const POLITE: &[&str] = &[
    "entschuldigung",
    "tut mir leid",
    "danke ",
    "désolé",
    "excusez",
    "pardon ",
    "merci ",
    "perdón",
    "lo siento",
    "disculpa",
    "gracias",
    "desculpe",
    "desculpa",
    "obrigad",
    "scusa",
    "mi dispiace",
    "grazie",
    "dank je",
    "przepraszam",
    "dziękuję",
    "извините",
    "прошу прощения",
    "спасибо",
    "抱歉",
    "对不起",
    "谢谢",
    "すみません",
    "申し訳",
    "ありがとう",
    "죄송",
    "감사합니다",
];

/// Returns whether a text in another language tells what passes.
pub(super) fn passes(text: &str) -> bool {
    let plain: String = text
        .to_lowercase()
        .chars()
        .map(|c| if matches!(c, ',' | ';' | ':' | '!' | '?' | '"') { ' ' } else { c })
        .collect();
    let text = format!(" {} ", plain.trim());
    let has = |list: &[&str]| list.iter().any(|sign| text.contains(sign));
    let polite = POLITE.iter().any(|sign| text.trim_start().starts_with(sign));
    (has(PERSONS) && has(WANTS))
        || has(SELF)
        || has(SESSIONS)
        || (has(TESTS) && has(PASS))
        || polite
}

/// Returns whether a text is in another language than English: by its letters, or by little words
/// that English does not have.
pub(super) fn is_foreign(text: &str) -> bool {
    const LITTLE: &str = "\
        der, das, und, mit, nicht, ist, sind, wird, werden, ein, eine, für, le, les, des, \
        une, est, sont, dans, pour, el, los, las, del, una, es, son, por, para, que, o, os, \
        uma, não, il, gli, di, che, per, non, het, een, van, zijn, niet, wordt, och, att, \
        som, av, nie, jest, na, się, ve, bir, için, og, ikke, med, ja, ei";
    let plain: String = text.split('`').step_by(2).collect();
    let letters = plain.chars().filter(|c| c.is_alphabetic() && !c.is_ascii()).count();
    let all = words(&plain);
    let little = all.iter().filter(|word| among(LITTLE, word.as_str())).count();
    let english = all.iter().filter(|w| among(FINITE, w.as_str()) || among(FUNCTION, w.as_str()));
    letters + little > 0 && letters.min(2) + little > english.count()
}

/// Returns whether a text in another language says what always or never is so.
pub(super) fn is_universal(text: &str) -> bool {
    const UNIVERSAL: &str = "\
        nie, niemals, immer, nur, kein, keine, jede, jeder, jedes, muss, müssen, darf, \
        dürfen, jamais, toujours, chaque, doit, doivent, nunca, siempre, cada, debe, deben, \
        sempre, deve, devem, ogni, mai, devono, nooit, altijd, elke, moet, mag, nigdy, \
        zawsze, musi, aldrig, alltid, måste, никогда, всегда, каждый, должен, должны, asla, \
        her";
    const SIGNS: &str = "必须, 不得, 禁止, 总是, 始终, 必ず, 常に, 항상, 절대";
    let all = words(text);
    all.iter().any(|word| among(UNIVERSAL, word.as_str()))
        || SIGNS.split(", ").any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_in_other_languages_are_told_from_facts() {
        let rows = [
            ("Der Nutzer bevorzugt kurze Antworten.", true),
            ("Benutzer werden nach 30 Tagen gelöscht.", false),
            ("Je commence par lire le fichier.", true),
            ("Les dates sont stockées en UTC.", false),
            ("Los precios se guardan en céntimos.", false),
            ("Nesta sessão foram alterados dois arquivos.", true),
            ("Все тесты прошли.", true),
            ("Тесты запускаются перед каждым коммитом.", false),
            ("用户喜欢简短的回答。", true),
            ("日期以 UTC 保存。", false),
            ("申し訳ありません、間違えました。", true),
            ("価格はセント単位で保存する。", false),
            ("Store dates in UTC.", false),
            ("All tests run in one process.", false),
        ];
        for (text, expected) in rows {
            assert_eq!(passes(text), expected, "{text}");
        }
    }
}
