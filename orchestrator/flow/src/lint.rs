//! Checks that only need the syntax tree: the shape of `run`, and step names that cannot be unique.

use crate::builtins::DURABLE;
use crate::diagnostic::{Diagnostic, DiagnosticKind};
use starlark::codemap::{FileSpan, Span};
use starlark::syntax::AstModule;
use starlark::syntax::ast::{ArgumentP, AstExpr, AstLiteral, AstNoPayload, AstStmt, DefP, ExprP, ParameterP, StmtP};
use std::collections::BTreeMap;

type Def = DefP<AstNoPayload>;

/// Where `run` is defined, with its first line for a place.
#[must_use]
pub fn run_span(ast: &AstModule) -> Option<FileSpan> {
    find(ast.statement(), "run").map(|def| ast.file_span(def.signature_span()))
}

/// What is wrong with `run`.
#[must_use]
pub fn run_shape(ast: &AstModule) -> Option<Diagnostic> {
    let Some(def) = find(ast.statement(), "run") else {
        let start = ast.file_span(Span::default());
        return Some(Diagnostic::error(DiagnosticKind::Run, "the flow has no `run`").at(&start).hint(RUN_SHAPE));
    };
    two_arguments(ast, def, "`run` must take exactly two arguments, ctx and input", RUN_SHAPE)
}

const RUN_SHAPE: &str = "the entry of a flow is `def run(ctx, input):`";

/// Whether the file defines `on_exit`.
#[must_use]
pub fn has_on_exit(ast: &AstModule) -> bool {
    find(ast.statement(), "on_exit").is_some()
}

/// What is wrong with `on_exit`.
#[must_use]
pub fn on_exit_shape(ast: &AstModule) -> Option<Diagnostic> {
    let def = find(ast.statement(), "on_exit")?;
    two_arguments(
        ast,
        def,
        "`on_exit` must take exactly two arguments, ctx and end",
        "what follows the end of a run is `def on_exit(ctx, end):`",
    )
}

fn two_arguments(ast: &AstModule, def: &Def, wrong: &str, shape: &str) -> Option<Diagnostic> {
    let (mut required, mut most, mut named) = (0, 0, false);
    for parameter in &def.params {
        match &parameter.node {
            ParameterP::Normal(_, _, default) if !named => {
                most += 1;
                required += usize::from(default.is_none());
            }
            ParameterP::Normal(_, _, None) => required = usize::MAX,
            ParameterP::Args(..) => (most, named) = (usize::MAX, true),
            ParameterP::NoArgs => named = true,
            ParameterP::Normal(..) | ParameterP::KwArgs(..) | ParameterP::Slash => {}
        }
    }
    let fits = required <= 2 && most >= 2;
    (!fits).then(|| {
        let span = ast.file_span(def.signature_span());
        Diagnostic::error(DiagnosticKind::Run, wrong).at(&span).hint(shape)
    })
}

/// Warnings about step names that stand in `run` and in `on_exit`: names are unique in a run, to its very end.
#[must_use]
pub fn exit_names(ast: &AstModule) -> Vec<Diagnostic> {
    let names = |function: &str| {
        let mut names = Vec::new();
        if let Some(def) = find(ast.statement(), function) {
            def.body.visit_expr(|expression| literal_steps(expression, &mut names));
        }
        names
    };
    let body = names("run");
    let again = names("on_exit").into_iter().filter(|(name, _)| body.iter().any(|(other, _)| other == name));
    again
        .map(|(name, span)| {
            let text = format!("the step name {name:?} is used in `run`, too; `on_exit` would fail at it");
            Diagnostic::error(DiagnosticKind::Step, text).at(&ast.file_span(span)).warning()
        })
        .collect()
}

fn literal_steps(expression: &AstExpr, names: &mut Vec<(String, Span)>) {
    if let Some((name, span)) = literal_step(expression) {
        names.push((name.to_owned(), span));
    }
    expression.visit_expr(|inner| literal_steps(inner, names));
}

fn find<'a>(statement: &'a AstStmt, name: &str) -> Option<&'a Def> {
    match &statement.node {
        StmtP::Def(def) if def.name.node.ident == name => Some(def),
        StmtP::Statements(all) => all.iter().rev().find_map(|one| find(one, name)),
        _ => None,
    }
}

/// Warnings about step names that are used twice on one way through a function, or in a loop.
#[must_use]
pub fn step_names(ast: &AstModule) -> Vec<Diagnostic> {
    let mut lint = StepNames { ast, found: Vec::new() };
    lint.functions(ast.statement());
    lint.found
}

/// Names seen on the way to a statement, with their places.
type Seen = BTreeMap<String, Span>;

struct StepNames<'a> {
    ast: &'a AstModule,
    found: Vec<Diagnostic>,
}

impl StepNames<'_> {
    fn functions(&mut self, statement: &AstStmt) {
        if let StmtP::Def(def) = &statement.node {
            self.statement(&def.body, &mut Seen::new(), false);
        }
        statement.visit_stmt(|inner| self.functions(inner));
    }

    /// Walk a statement; `seen` afterwards holds the names that the statements behind it may meet again.
    fn statement(&mut self, statement: &AstStmt, seen: &mut Seen, looped: bool) {
        match &statement.node {
            StmtP::Statements(all) => all.iter().for_each(|one| self.statement(one, seen, looped)),
            StmtP::If(condition, body) => {
                self.expression(condition, seen, looped);
                let mut inside = seen.clone();
                self.statement(body, &mut inside, looped);
                if !ends(body) {
                    seen.append(&mut inside);
                }
            }
            StmtP::IfElse(condition, arms) => {
                self.expression(condition, seen, looped);
                let before = seen.clone();
                for arm in [&arms.0, &arms.1] {
                    let mut inside = before.clone();
                    self.statement(arm, &mut inside, looped);
                    if !ends(arm) {
                        seen.append(&mut inside);
                    }
                }
            }
            StmtP::For(turn) => {
                self.expression(&turn.over, seen, looped);
                self.statement(&turn.body, seen, !ends(&turn.body));
            }
            StmtP::Def(_) => {}
            _ => statement.visit_expr(|inner| self.expression(inner, seen, looped)),
        }
    }

    fn expression(&mut self, expression: &AstExpr, seen: &mut Seen, looped: bool) {
        if let Some((name, span)) = literal_step(expression) {
            let place = self.ast.file_span(span);
            if let Some(first) = seen.insert(name.to_owned(), span) {
                let line = self.ast.file_span(first).resolve_span().begin.line + 1;
                let text = format!("the step name {name:?} was used before, in line {line}; a run fails at the second use");
                self.found.push(Diagnostic::error(DiagnosticKind::Step, text).at(&place).warning());
            } else if looped {
                let text = format!("the step name {name:?} is the same in each turn of the loop; a run fails at the second turn");
                let hint = format!("put what changes into the name: {:?} % item", format!("{name} %s"));
                self.found.push(Diagnostic::error(DiagnosticKind::Step, text).at(&place).warning().hint(hint));
            }
        }
        let inner_loop = looped || matches!(expression.node, ExprP::ListComprehension(..) | ExprP::DictComprehension(..));
        if !matches!(expression.node, ExprP::Lambda(_)) {
            expression.visit_expr(|inner| self.expression(inner, seen, inner_loop));
        }
    }
}

/// The step name of a durable call, where it is written out.
fn literal_step(expression: &AstExpr) -> Option<(&str, Span)> {
    let ExprP::Call(function, arguments) = &expression.node else { return None };
    let ExprP::Identifier(name) = &function.node else { return None };
    let ArgumentP::Positional(first) = &arguments.args.first()?.node else { return None };
    match &first.node {
        ExprP::Literal(AstLiteral::String(text)) if DURABLE.contains(&name.node.ident.as_str()) => Some((text.node.as_str(), first.span)),
        _ => None,
    }
}

/// Whether nothing behind a statement is reached from it.
fn ends(statement: &AstStmt) -> bool {
    match &statement.node {
        StmtP::Return(_) | StmtP::Break => true,
        StmtP::Statements(all) => all.iter().any(ends),
        StmtP::IfElse(_, arms) => ends(&arms.0) && ends(&arms.1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use starlark::syntax::Dialect;

    fn parse(source: &str) -> AstModule {
        AstModule::parse("flow.star", source.to_owned(), &Dialect::Extended).unwrap()
    }

    fn warned_lines(body: &str) -> Vec<u32> {
        step_names(&parse(&format!("def run(ctx, input):\n{body}"))).iter().map(|warning| warning.line).collect()
    }

    #[test]
    fn finds_names_used_twice_on_one_way() {
        assert_eq!(warned_lines("  sleep('a', '1s')\n  now('a')"), [3]);
        assert_eq!(warned_lines("  if x:\n    now('a')\n  now('a')"), [4]);
        assert_eq!(warned_lines("  for x in y:\n    now('a')"), [3]);
        assert_eq!(warned_lines("  return [job('a', on = x) for x in y]"), [2]);
    }

    #[test]
    fn leaves_other_ways_alone() {
        for body in [
            "  if x:\n    now('a')\n  else:\n    now('a')",
            "  if x:\n    return now('a')\n  now('a')",
            "  for x in y:\n    now('a %s' % x)",
            "  for x in y:\n    return now('a')",
            "  now('a')\n  print('a')",
            "  def f():\n    return now('a')\n  now('a')",
        ] {
            assert_eq!(warned_lines(body), [0; 0], "{body}");
        }
    }

    #[test]
    fn names_of_run_and_on_exit_are_held_against_each_other() {
        let ast = parse("def run(ctx, input):\n  now('a')\n  now('b')\ndef on_exit(ctx, end):\n  if end:\n    now('b')\n  now('c')\n");
        let lines: Vec<u32> = exit_names(&ast).iter().map(|warning| warning.line).collect();
        assert_eq!(lines, [6]);
    }

    #[test]
    fn run_takes_two() {
        for good in ["ctx, input", "ctx, input, *args", "ctx, input = 1", "*args", "ctx, input, *, x = 1"] {
            assert_eq!(run_shape(&parse(&format!("def run({good}):\n  pass"))), None, "{good}");
        }
        for bad in ["", "ctx", "ctx, input, more", "ctx, input, *, more", "ctx, *, input"] {
            let wrong = run_shape(&parse(&format!("x = 1\ndef run({bad}):\n  pass"))).unwrap();
            assert_eq!((wrong.kind, wrong.line), (DiagnosticKind::Run, 2), "{bad}");
        }
        assert!(run_shape(&parse("def walk(ctx, input):\n  pass")).unwrap().message.contains("no `run`"));
    }
}
