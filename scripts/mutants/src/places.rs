//! Where in a source a mutant can be put: its expressions, and the bodies of its functions.

use std::collections::BTreeSet;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Where an expression stands.
#[derive(Clone)]
pub(crate) struct Expression {
    pub(crate) range: Range<usize>,
    /// Whether it may be a statement without a semicolon.
    pub(crate) is_block: bool,
}

/// What can be found in a source.
#[derive(Default)]
pub(crate) struct Places {
    /// Every expression that can be had in two ways, and is no part of what the compiler computes.
    pub(crate) expressions: Vec<Expression>,
    /// What stands between the braces of each function that can look at the environment.
    pub(crate) bodies: Vec<Range<usize>>,
    /// The word `const` of each function that can be had without it, and where the function ends.
    pub(crate) consts: Vec<(Range<usize>, usize)>,
    /// The names of functions that the compiler is to compute.
    computed: BTreeSet<String>,
    /// Whether this is inside of something that the compiler computes, or of a test.
    is_closed: bool,
}

impl Places {
    pub(crate) fn of(source: &str, computed: &BTreeSet<String>) -> syn::Result<Places> {
        let mut places = Places {
            computed: computed.clone(),
            ..Places::default()
        };
        places.visit_file(&syn::parse_file(source)?);
        Ok(places)
    }

    fn closed(&mut self, is_closed: bool, visit: impl FnOnce(&mut Places)) {
        let before = self.is_closed;
        self.is_closed |= is_closed;
        visit(self);
        self.is_closed = before;
    }

    fn function(&mut self, attributes: &[syn::Attribute], of: &syn::Signature, block: &syn::Block) {
        let stays = of.constness.is_some() && self.computed.contains(&of.ident.to_string());
        let is_closed = self.is_closed || stays || is_test(attributes);
        let close = block.brace_token.span.close().byte_range();
        if !is_closed {
            let open = block.brace_token.span.open().byte_range().end;
            self.bodies.push(open..close.start);
            if let Some(word) = &of.constness {
                self.consts.push((word.span.byte_range(), close.end));
            }
        }
        self.closed(is_closed, |places| {
            visit::visit_signature(places, of);
            visit::visit_block(places, block);
        });
    }
}

fn is_block(expression: &syn::Expr) -> bool {
    use syn::Expr::{Block, ForLoop, If, Loop, Match, While};
    matches!(
        expression,
        Block(_) | ForLoop(_) | If(_) | Loop(_) | Match(_) | While(_)
    )
}

/// `a && let B = c` is no expression outside of the condition it stands in.
fn has_let(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => {
            let is_cfg = list.path.is_ident("cfg");
            let mut words = list.tokens.clone().into_iter().flat_map(flat);
            is_cfg && words.any(|word| word == "test")
        }
        syn::Meta::NameValue(_) => false,
    })
}

fn flat(tree: proc_macro2::TokenTree) -> Vec<String> {
    match tree {
        proc_macro2::TokenTree::Group(group) => group.stream().into_iter().flat_map(flat).collect(),
        other => vec![other.to_string()],
    }
}

impl<'ast> Visit<'ast> for Places {
    fn visit_expr(&mut self, node: &'ast syn::Expr) {
        if !self.is_closed && !has_let(node) {
            self.expressions.push(Expression {
                range: node.span().byte_range(),
                is_block: is_block(node),
            });
        }
        visit::visit_expr(self, node);
    }

    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.function(&node.attrs, &node.sig, &node.block);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.function(&node.attrs, &node.sig, &node.block);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(block) = &node.default {
            self.function(&node.attrs, &node.sig, block);
        }
    }

    fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
        self.closed(is_test(&node.attrs), |places| {
            visit::visit_item_mod(places, node)
        });
    }

    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        self.closed(is_test(&node.attrs), |places| {
            visit::visit_item_impl(places, node)
        });
    }

    fn visit_item_const(&mut self, node: &'ast syn::ItemConst) {
        self.closed(true, |places| visit::visit_item_const(places, node));
    }

    fn visit_impl_item_const(&mut self, node: &'ast syn::ImplItemConst) {
        self.closed(true, |places| visit::visit_impl_item_const(places, node));
    }

    fn visit_trait_item_const(&mut self, node: &'ast syn::TraitItemConst) {
        self.closed(true, |places| visit::visit_trait_item_const(places, node));
    }

    fn visit_item_static(&mut self, node: &'ast syn::ItemStatic) {
        self.closed(true, |places| visit::visit_item_static(places, node));
    }

    fn visit_variant(&mut self, node: &'ast syn::Variant) {
        self.closed(true, |places| visit::visit_variant(places, node));
    }

    fn visit_type(&mut self, node: &'ast syn::Type) {
        self.closed(true, |places| visit::visit_type(places, node));
    }

    fn visit_pat(&mut self, node: &'ast syn::Pat) {
        self.closed(true, |places| visit::visit_pat(places, node));
    }

    fn visit_expr_const(&mut self, node: &'ast syn::ExprConst) {
        self.closed(true, |places| visit::visit_expr_const(places, node));
    }

    fn visit_expr_repeat(&mut self, node: &'ast syn::ExprRepeat) {
        self.visit_expr(&node.expr);
        self.closed(true, |places| places.visit_expr(&node.len));
    }
}
