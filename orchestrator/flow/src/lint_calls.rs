//! Checks of the arguments of durable calls that only need the syntax tree: time limits, references, approvals nobody reaches.

use crate::diagnostic::{Diagnostic, DiagnosticKind};
use starlark::codemap::Span;
use starlark::syntax::AstModule;
use starlark::syntax::ast::{ArgumentP, AstArgument, AstExpr, AstLiteral, AstStmt, BinOp, ExprP, StmtP};

/// Durable calls that wait for somebody or something else, and so should say for how long.
const LIMITED: [&str; 7] = ["job", "agent", "http", "wait", "wait_event", "approval", "child"];
/// Calls whose arguments carry text away, with the arguments in which `secret(...)` may stand.
const SECRETS: [(&str, &[&str]); 7] = [
    ("job", &["env", "stdin", "files"]),
    ("agent", &["env", "files"]),
    ("http", &["headers"]),
    ("wait", &[]),
    ("approval", &[]),
    ("child", &[]),
    ("artifact", &[]),
];
/// Arguments in which `connection(...)` may stand.
const CONNECTIONS: [&str; 3] = ["connection", "notify", "to"];

/// What is wrong with the durable calls of a file.
#[must_use]
pub fn calls(ast: &AstModule) -> Vec<Diagnostic> {
    let mut lint = Calls { ast, found: Vec::new() };
    ast.statement().visit_expr(|expression| lint.expression(expression));
    lint.statement(ast.statement());
    lint.found
}

struct Calls<'a> {
    ast: &'a AstModule,
    found: Vec<Diagnostic>,
}

impl Calls<'_> {
    fn tell(&mut self, span: Span, text: String) -> &mut Diagnostic {
        self.found.push(Diagnostic::error(DiagnosticKind::Step, text).at(&self.ast.file_span(span)));
        self.found.last_mut().expect("pushed above")
    }

    fn statement(&mut self, statement: &AstStmt) {
        match &statement.node {
            StmtP::Statements(all) => self.unreachable_after_end(all),
            StmtP::If(condition, body) if is_false(condition) => self.unreachable(body, "the condition is always False"),
            StmtP::IfElse(condition, arms) if is_false(condition) => self.unreachable(&arms.0, "the condition is always False"),
            _ => {}
        }
        statement.visit_stmt(|inner| self.statement(inner));
    }

    /// Statements behind a `return` or a `fail(...)` of the same level.
    fn unreachable_after_end(&mut self, all: &[AstStmt]) {
        let end = all.iter().position(|one| match &one.node {
            StmtP::Return(_) => true,
            StmtP::Expression(expression) => called(expression).is_some_and(|(name, _)| name == "fail"),
            _ => false,
        });
        for behind in all.iter().skip(end.map_or(usize::MAX, |at| at + 1)) {
            self.unreachable(behind, "the function ends before it");
        }
    }

    fn unreachable(&mut self, statement: &AstStmt, why: &str) {
        let mut spans = Vec::new();
        statement.visit_expr(|expression| approvals(expression, &mut spans));
        for span in spans {
            let found = self.tell(span, format!("nobody is ever asked for this approval: {why}"));
            *found = found.clone().warning();
        }
    }

    fn expression(&mut self, expression: &AstExpr) {
        if let Some((name, arguments)) = called(expression) {
            if LIMITED.contains(&name) && !takes(arguments, "timeout") {
                let span = function_span(expression);
                let found = self.tell(span, format!("`{name}` has no time limit of its own: it waits for 24 hours"));
                *found = found.clone().warning().hint("say how long it may take: timeout = \"1h\"");
            }
            if let Some((_, allowed)) = SECRETS.iter().find(|(call, _)| *call == name) {
                arguments.iter().for_each(|argument| self.references(name, allowed, argument));
            }
            if matches!(name, "str" | "repr") {
                arguments.iter().for_each(|argument| self.no_text(argument.node.expr()));
            }
        }
        match &expression.node {
            ExprP::Op(left, BinOp::Percent | BinOp::Add, right) => [left, right].into_iter().for_each(|side| self.no_text_within(side)),
            ExprP::FString(text) => text.node.expressions.iter().for_each(|part| self.no_text(part)),
            ExprP::Call(function, arguments) => {
                if let ExprP::Dot(_, method) = &function.node
                    && method.node == "format"
                {
                    arguments.args.iter().for_each(|argument| self.no_text(argument.node.expr()));
                }
            }
            _ => {}
        }
        expression.visit_expr(|inner| self.expression(inner));
    }

    /// A reference in an argument where nothing resolves it.
    fn references(&mut self, call: &str, allowed: &[&str], argument: &AstArgument) {
        let name = match &argument.node {
            ArgumentP::Named(name, _) => name.node.as_str(),
            ArgumentP::Positional(_) => "",
            ArgumentP::Args(_) | ArgumentP::KwArgs(_) => return,
        };
        let mut within = Vec::new();
        named_references(argument.node.expr(), &mut within);
        for (what, span) in within {
            let fits = if what == "secret" { allowed.contains(&name) } else { CONNECTIONS.contains(&name) };
            if !fits {
                let place = if name.is_empty() { "the name of a step".to_owned() } else { format!("`{name}` of `{call}`") };
                let found = self.tell(span, format!("{what}(...) cannot stand in {place}: only the edge knows what it stands for"));
                *found = found.clone().hint(match what {
                    "secret" => "secrets go into env, stdin or files of a job, or into headers of a request",
                    _ => "connections go into http(connection = ...), approval(notify = ...) and notify(to = ...)",
                });
            }
        }
    }

    /// A reference that is made text.
    fn no_text(&mut self, expression: &AstExpr) {
        if let Some((what @ ("secret" | "connection"), _)) = called(expression) {
            let what = what.to_owned();
            let found = self.tell(expression.span, format!("{what}(...) is no text: only the edge knows what it stands for"));
            *found = found.clone().hint("hand it over as a whole value: env = {\"KEY\": secret(\"key\")}");
        }
    }

    fn no_text_within(&mut self, expression: &AstExpr) {
        self.no_text(expression);
        if let ExprP::Tuple(parts) = &expression.node {
            parts.iter().for_each(|part| self.no_text(part));
        }
    }
}

/// The name of the function that is called, where it is a plain one, and its arguments.
fn called(expression: &AstExpr) -> Option<(&str, &[AstArgument])> {
    let ExprP::Call(function, arguments) = &expression.node else { return None };
    let ExprP::Identifier(name) = &function.node else { return None };
    Some((name.node.ident.as_str(), &arguments.args))
}

fn function_span(expression: &AstExpr) -> Span {
    match &expression.node {
        ExprP::Call(function, _) => function.span,
        _ => expression.span,
    }
}

fn takes(arguments: &[AstArgument], wanted: &str) -> bool {
    arguments.iter().any(|argument| match &argument.node {
        ArgumentP::Named(name, _) => name.node == wanted,
        ArgumentP::KwArgs(_) => true,
        ArgumentP::Positional(_) | ArgumentP::Args(_) => false,
    })
}

fn is_false(condition: &AstExpr) -> bool {
    match &condition.node {
        ExprP::Identifier(name) => name.node.ident == "False" || name.node.ident == "None",
        ExprP::Literal(AstLiteral::Int(number)) => number.node.to_string() == "0",
        _ => false,
    }
}

fn approvals(expression: &AstExpr, spans: &mut Vec<Span>) {
    if called(expression).is_some_and(|(name, _)| name == "approval") {
        spans.push(function_span(expression));
    }
    expression.visit_expr(|inner| approvals(inner, spans));
}

/// Calls of `secret` and `connection` within an expression.
fn named_references(expression: &AstExpr, within: &mut Vec<(&'static str, Span)>) {
    let known = called(expression).and_then(|(name, _)| ["secret", "connection"].into_iter().find(|known| *known == name));
    if let Some(name) = known {
        within.push((name, expression.span));
    }
    expression.visit_expr(|inner| named_references(inner, within));
}

#[cfg(test)]
mod tests {
    use super::*;
    use starlark::syntax::Dialect;

    fn found(body: &str) -> Vec<(u32, bool, String)> {
        let source = format!("def run(ctx, input):\n{body}");
        let dialect = Dialect { enable_f_strings: true, ..Dialect::Extended };
        let ast = AstModule::parse("flow.star", source, &dialect).unwrap();
        let warning = |found: &Diagnostic| found.severity == crate::diagnostic::Severity::Warning;
        calls(&ast).into_iter().map(|found| (found.line, warning(&found), found.message)).collect()
    }

    #[test]
    fn a_call_without_a_time_limit_is_a_warning() {
        for call in ["job('a', on = 'h', command = [])", "x = approval('a', title = 't')", "return [child('a', flow = 'f')]"] {
            let told = found(&format!("  {call}"));
            assert!(matches!(&told[..], [(2, true, text)] if text.contains("no time limit")), "{call}: {told:?}");
        }
        for call in ["job('a', timeout = '1h')", "wait('a', **options)", "sleep('a', '1s')", "now('a')"] {
            assert_eq!(found(&format!("  {call}")), [], "{call}");
        }
    }

    #[test]
    fn a_secret_where_nothing_resolves_it_is_an_error() {
        for call in [
            "job('a', timeout = '1h', command = ['x', secret('k')])",
            "job('a', timeout = '1h', cwd = secret('k'))",
            "agent('a', timeout = '1h', prompt = secret('k'))",
            "agent('a', timeout = '1h', arguments = [secret('k')])",
            "job('a', timeout = '1h', env = {'K': connection('c')})",
            "http('a', timeout = '1h', json = {'k': [secret('k')]})",
            "approval('a', timeout = '1h', text = secret('k'))",
            "x = 'key %s' % secret('k')",
            "x = 'key %s %s' % (1, secret('k'))",
            "x = 'key ' + secret('k')",
            "x = str(secret('k'))",
            "x = f'{secret(\"k\")}'",
            "x = '{}'.format(secret('k'))",
        ] {
            let told = found(&format!("  {call}"));
            assert!(matches!(&told[..], [(2, false, _)]), "{call}: {told:?}");
        }
        for call in [
            "job('a', timeout = '1h', env = {'K': secret('k')}, stdin = secret('s'), files = {'f': secret('f')})",
            "http('a', timeout = '1h', headers = {'k': secret('k')}, connection = connection('c'))",
            "approval('a', timeout = '1h', notify = connection('c'))",
            "key = secret('k')",
        ] {
            assert_eq!(found(&format!("  {call}")), [], "{call}");
        }
    }

    #[test]
    fn an_approval_that_is_never_reached_is_a_warning() {
        for (body, line) in [
            ("  return 1\n  approval('a', timeout = '1h')", 3),
            ("  fail('x')\n  if True:\n    ok = approval('a', timeout = '1h')", 4),
            ("  if False:\n    approval('a', timeout = '1h')", 3),
        ] {
            let told = found(body);
            assert!(matches!(&told[..], [(at, true, text)] if *at == line && text.contains("ever asked")), "{body}: {told:?}");
        }
        assert_eq!(found("  if input:\n    return 1\n  approval('a', timeout = '1h')"), []);
    }
}
