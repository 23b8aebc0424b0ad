//! How much work a component makes for the compiler, told from its bytes before anything is compiled.
//!
//! The compiler's time grows faster than the code: with the square of the loops of one function and of their nesting, and with
//! results of calls, locals and branches. So each of these has a bound, beside which an honest plugin is small:
//!
//! | bound | most | the GitLab plugin has |
//! | --- | --- | --- |
//! | core modules and nested components | 32 | 4 |
//! | core instances, and functions that cross between core and component | 1,000 | under 200 |
//! | types of core modules | 2,000 | 61 |
//! | functions with code | 10,000 | 1,396 |
//! | code of all functions, bytes | 2 MiB | 430 KiB |
//! | one function: bytes | 64 KiB | 27 KiB |
//! | one function: locals, parameters not counted | 1,000 | 49 |
//! | one function: blocks, loops and ifs | 4,000 | 336 |
//! | one function: loops | 200 | 18 |
//! | one function: blocks, loops and ifs within each other | 200 | 64 |
//! | one function: targets of its `br_table`s | 10,000 | 75 |
//! | one function: calls | 4,000 | 495 |
//! | one function: growths of memories and tables | 100 | 1 |
//! | one signature: parameters | 64 | 16 |
//! | one signature: results | 4 | 1 |
//!
//! Of what passes, the slowest that was found takes 33 s of processor time and 430 MiB: 100 functions of 20 KB, each a chain of
//! `call_indirect`. The largest takes 570 MiB: 31 functions of 64 KiB full of conversions between floats and integers. Without
//! bounds a function of 40 KB takes 40 s, one of 20 KB takes 960 MiB, half a million types take 50 s and 3.3 GiB, and 31 functions
//! of 64 KiB full of `memory.grow` take more than 150 s and 1.2 GiB.
//!
//! How the component itself is put together has bounds of its own, in `shape`.
//!
//! Guarantees that what passes is within all of them. Refuses the rest, with the figure and the bound. Does not validate: that
//! is the compiler's, before it begins.

use wasmparser::{BinaryReaderError, CompositeInnerType, FunctionBody, Operator, Parser, Payload};

use super::Refusal;
use super::shape::Shape;

/// What is bounded, in the words of a refusal, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) what: &'static str,
    pub(super) most: u64,
}

const MODULES: Bound = Bound { what: "modules and components in it", most: 32 };
const CROSSINGS: Bound = Bound { what: "instances and functions of the component itself", most: 1_000 };
const TYPES: Bound = Bound { what: "types of core modules", most: 2_000 };
const FUNCTIONS: Bound = Bound { what: "functions", most: 10_000 };
const CODE: Bound = Bound { what: "bytes of code", most: 2 << 20 };
const FUNCTION_BYTES: Bound = Bound { what: "bytes in one function", most: 64 << 10 };
const LOCALS: Bound = Bound { what: "locals in one function", most: 1_000 };
const BLOCKS: Bound = Bound { what: "blocks in one function", most: 4_000 };
const LOOPS: Bound = Bound { what: "loops in one function", most: 200 };
const DEPTH: Bound = Bound { what: "blocks within each other", most: 200 };
const TARGETS: Bound = Bound { what: "branch targets in the tables of one function", most: 10_000 };
const CALLS: Bound = Bound { what: "calls in one function", most: 4_000 };
const GROWS: Bound = Bound { what: "growths of memories and tables in one function", most: 100 };
const PARAMETERS: Bound = Bound { what: "parameters of one function", most: 64 };
const RESULTS: Bound = Bound { what: "results of one function", most: 4 };

impl Bound {
    pub(super) fn check(self, found: u64) -> Result<(), Refusal> {
        let Self { what, most } = self;
        if found <= most { Ok(()) } else { Err(Refusal::Structure { found, what, most }) }
    }
}

pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

pub(super) fn unreadable(error: &BinaryReaderError) -> Refusal {
    Refusal::NotAComponent(error.to_string())
}

/// Looks at the whole component, nested modules included, in one pass that ends with the first that is too much.
///
/// # Errors
/// [`Refusal::Structure`], and [`Refusal::NotAComponent`] for what cannot be read.
pub(super) fn check(bytes: &[u8]) -> Result<(), Refusal> {
    let (mut modules, mut crossings, mut of_modules, mut functions, mut code) = (0, 0, 0, 0, 0);
    let mut shape = Shape::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| unreadable(&error))?;
        shape.see(&payload, bytes)?;
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                modules += 1;
                MODULES.check(modules)?;
            }
            Payload::ComponentCanonicalSection(section) => {
                crossings += u64::from(section.count());
                CROSSINGS.check(crossings)?;
            }
            Payload::InstanceSection(section) => {
                crossings += u64::from(section.count());
                CROSSINGS.check(crossings)?;
            }
            Payload::ComponentInstanceSection(section) => {
                crossings += u64::from(section.count());
                CROSSINGS.check(crossings)?;
            }
            Payload::TypeSection(types) => {
                for group in types {
                    for of in group.map_err(|error| unreadable(&error))?.types() {
                        of_modules += 1;
                        TYPES.check(of_modules)?;
                        if let CompositeInnerType::Func(function) = &of.composite_type.inner {
                            PARAMETERS.check(count(function.params().len()))?;
                            RESULTS.check(count(function.results().len()))?;
                        }
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                functions += 1;
                FUNCTIONS.check(functions)?;
                let range = body.range();
                let length = range.end.saturating_sub(range.start);
                code += length;
                CODE.check(code)?;
                FUNCTION_BYTES.check(length)?;
                function(&body)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn function(body: &FunctionBody<'_>) -> Result<(), Refusal> {
    let mut locals: u64 = 0;
    for group in body.get_locals_reader().map_err(|error| unreadable(&error))? {
        locals = locals.saturating_add(u64::from(group.map_err(|error| unreadable(&error))?.0));
        LOCALS.check(locals)?;
    }
    let (mut blocks, mut loops, mut depth, mut targets, mut calls, mut grows) = (0, 0, 0_u64, 0, 0, 0);
    for operator in body.get_operators_reader().map_err(|error| unreadable(&error))? {
        match operator.map_err(|error| unreadable(&error))? {
            of @ (Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::TryTable { .. }) => {
                loops += u64::from(matches!(of, Operator::Loop { .. }));
                blocks += 1;
                depth += 1;
                BLOCKS.check(blocks)?;
                LOOPS.check(loops)?;
                DEPTH.check(depth)?;
            }
            Operator::End => depth = depth.saturating_sub(1),
            Operator::BrTable { targets: table } => {
                targets += u64::from(table.len());
                TARGETS.check(targets)?;
            }
            of @ (Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::MemoryGrow { .. }
            | Operator::TableGrow { .. }) => {
                grows += u64::from(matches!(of, Operator::MemoryGrow { .. } | Operator::TableGrow { .. }));
                calls += 1;
                GROWS.check(grows)?;
                CALLS.check(calls)?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use wasm_encoder::{
        BlockType, CodeSection, Component, ComponentSectionId, Function, FunctionSection, Instruction, Module,
        ModuleSection, RawSection, TypeSection, ValType,
    };

    use super::{
        BLOCKS, Bound, CALLS, CODE, CROSSINGS, DEPTH, FUNCTION_BYTES, FUNCTIONS, GROWS, LOCALS, LOOPS, MODULES,
        PARAMETERS, RESULTS, Refusal, TARGETS, TYPES, check,
    };

    /// A module with so many functions of these instructions, by which each comes to the end that the encoder writes.
    fn module(functions: u64, locals: u32, instructions: &[Instruction<'_>], signature: [u64; 2]) -> Vec<u8> {
        let mut types = TypeSection::new();
        let [parameters, results] = signature.map(|count| vec![ValType::I32; usize::try_from(count).unwrap()]);
        types.ty().function(parameters, results);
        let (mut of, mut code) = (FunctionSection::new(), CodeSection::new());
        // Two groups, since locals are counted over all of them.
        let mut function = Function::new([(locals / 2, ValType::I32), (locals - locals / 2, ValType::I64)]);
        instructions.iter().chain([&Instruction::End]).for_each(|instruction| {
            function.instruction(instruction);
        });
        for _ in 0..functions {
            of.function(0);
            code.function(&function);
        }
        let mut module = Module::new();
        module.section(&types).section(&of).section(&code);
        module.finish()
    }

    fn types(count: u64) -> Vec<u8> {
        let mut types = TypeSection::new();
        (0..count).for_each(|_| types.ty().function([], []));
        let mut module = Module::new();
        module.section(&types);
        module.finish()
    }

    fn with(instructions: &[Instruction<'_>]) -> Vec<u8> {
        module(1, 0, instructions, [0, 0])
    }

    fn repeated(instruction: &Instruction<'static>, count: u64) -> Vec<Instruction<'static>> {
        vec![instruction.clone(); usize::try_from(count).unwrap()]
    }

    fn one_after_another(begin: &Instruction<'static>, count: u64) -> Vec<u8> {
        with(&repeated(begin, count).into_iter().flat_map(|begin| [begin, Instruction::End]).collect::<Vec<_>>())
    }

    fn within_each_other(count: u64) -> Vec<u8> {
        let begin = repeated(&Instruction::If(BlockType::Empty), count);
        with(&[begin, repeated(&Instruction::End, count)].concat())
    }

    /// Functions of so many bytes each: the count of groups of locals, what does nothing, and the end.
    fn sized(functions: &[u64]) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut of, mut code) = (FunctionSection::new(), CodeSection::new());
        for bytes in functions {
            let mut function = Function::new([]);
            for instruction in repeated(&Instruction::Nop, bytes - 2).iter().chain([&Instruction::End]) {
                function.instruction(instruction);
            }
            of.function(0);
            code.function(&function);
        }
        let mut module = Module::new();
        module.section(&types).section(&of).section(&code);
        module.finish()
    }

    /// Code of so many bytes, in functions that are within their own bound.
    fn code(bytes: u64) -> Vec<u8> {
        let half = FUNCTION_BYTES.most / 2;
        let mut functions = vec![half; usize::try_from(bytes / half - 1).unwrap()];
        functions.push(half + bytes % half);
        sized(&functions)
    }

    fn nested(modules: u64) -> Vec<u8> {
        let mut component = Component::new();
        for _ in 0..modules {
            component.section(&ModuleSection(&Module::new()));
        }
        component.finish()
    }

    /// A section that drops so many resources: each is a function for the compiler, of three bytes.
    fn crossings(count: u64) -> Vec<u8> {
        let mut data = Vec::new();
        let mut left = count;
        while left > 0x7f {
            data.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
            left >>= 7;
        }
        data.push(u8::try_from(left).unwrap());
        data.extend(std::iter::repeat_n([3, 0], usize::try_from(count).unwrap()).flatten());
        let id = ComponentSectionId::CanonicalFunction.into();
        Component::new().section(&RawSection { id, data: &data }).clone().finish()
    }

    #[test]
    fn each_bound_is_kept_and_not_one_more() {
        type Make<'a> = &'a dyn Fn(u64) -> Vec<u8>;
        let block = Instruction::Block(BlockType::Empty);
        let of_loop = Instruction::Loop(BlockType::Empty);
        let table = |targets: u64| {
            let table = |count: u64| {
                let targets = vec![0; usize::try_from(count).unwrap()];
                [Instruction::I32Const(0), Instruction::BrTable(targets.into(), 0)]
            };
            with(&[table(targets / 2), table(targets - targets / 2)].concat())
        };
        let cases: [(Bound, Make<'_>); 15] = [
            (MODULES, &nested),
            (CROSSINGS, &crossings),
            (TYPES, &types),
            (FUNCTIONS, &|count| module(count, 0, &[], [0, 0])),
            (CODE, &code),
            (FUNCTION_BYTES, &|bytes| sized(&[bytes])),
            (LOCALS, &|count| module(1, u32::try_from(count).unwrap(), &[], [0, 0])),
            (BLOCKS, &|count| one_after_another(&block, count)),
            (LOOPS, &|count| one_after_another(&of_loop, count)),
            (DEPTH, &within_each_other),
            (TARGETS, &table),
            (CALLS, &|count| with(&repeated(&Instruction::Call(0), count))),
            (GROWS, &|count| with(&repeated(&Instruction::MemoryGrow(0), count))),
            (PARAMETERS, &|count| module(1, 0, &[], [count, 0])),
            (RESULTS, &|count| module(1, 0, &[], [0, count])),
        ];
        for (Bound { what, most }, of) in cases {
            assert_eq!(check(&of(most)), Ok(()), "{what}");
            let Err(Refusal::Structure { found, what: named, most: bound }) = check(&of(most + 1)) else {
                unreachable!("{what} was not refused")
            };
            assert_eq!((named, bound), (what, most));
            assert!(found > most, "{what}: {found}");
        }
    }

    #[test]
    fn modules_in_a_component_are_looked_into() {
        let mut component = Component::new();
        component.section(&wasm_encoder::RawSection {
            id: ComponentSectionId::CoreModule.into(),
            data: &within_each_other(DEPTH.most + 1),
        });
        let refusal = check(&component.finish()).unwrap_err().to_string();
        assert_eq!(refusal, "the plugin has 201 blocks within each other, and at most 200 are compiled here");
        assert!(matches!(check(b"\0asm\x01\0\0\0\x0a\xff"), Err(Refusal::NotAComponent(_))));
    }
}
