//! How a component is put together, told from its bytes in one pass that does not recurse.
//!
//! What instantiates is unrolled by the compiler: ten components within each other, of which each instantiates the next ten
//! times, are a kilobyte and ten thousand million instances. So the multiplying is not counted but refused. `wit-component`,
//! which every plugin is made by, puts components into a component for one purpose alone: to export an interface under the
//! names of its types. Such a component has types, imports and exports, and nothing that does something:
//!
//! | bound | most | the GitLab plugin has |
//! | --- | --- | --- |
//! | components within each other | 1 | 1 |
//! | instances, functions and modules of a component in it | 0 | 0 |
//! | instances of the components in it | 16 | 1 |
//! | all but core modules and custom sections, bytes | 64 KiB | 18 KiB |
//! | functions it gives to itself, through an adapter that the compiler would write | 0 | 0 |
//! | component types within each other | 4 | 1 |
//! | imports of its core modules | 1,000 | 65 |
//!
//! Guarantees that no instantiation is of something that instantiates: there are as many instances as are written down. Refuses
//! the rest, with the figure and the bound. Reading types within each other recurses in every decoder, five thousand levels end
//! the process: so their depth is told before any of them reads them.

use wasmparser::{
    BinaryReader, BinaryReaderError, CanonicalFunction, ComponentType, ComponentTypeDeclaration,
    ComponentTypeSectionReader, Encoding, Payload,
};

use super::Refusal;
use super::structure::{Bound, count, unreadable};

const LEVELS: Bound = Bound { what: "levels of components within it", most: 1 };
const INNER: Bound = Bound { what: "instances, functions and modules of a component in it", most: 0 };
const INSTANCES: Bound = Bound { what: "instances of components in it", most: 16 };
const BYTES: Bound = Bound { what: "bytes outside of core modules", most: 64 << 10 };
const ADAPTERS: Bound = Bound { what: "functions that it gives to itself", most: 0 };
const TYPES: Bound = Bound { what: "component types within each other", most: 4 };
const IMPORTS: Bound = Bound { what: "imports of core modules", most: 1_000 };

/// What was seen of a component so far.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Components around what is read next, the outermost not counted.
    levels: u64,
    in_module: bool,
    inner: u64,
    instances: u64,
    bytes: u64,
    imports: u64,
    lifted: bool,
    adapters: u64,
}

impl Shape {
    /// Takes the next part of a component of these bytes.
    ///
    /// # Errors
    /// [`Refusal::Structure`], and [`Refusal::NotAComponent`] for what cannot be read.
    pub(super) fn see(&mut self, payload: &Payload<'_>, bytes: &[u8]) -> Result<(), Refusal> {
        match payload {
            Payload::Version { encoding, .. } => self.in_module = *encoding == Encoding::Module,
            Payload::End(_) if self.in_module => self.in_module = false,
            Payload::End(_) => self.levels = self.levels.saturating_sub(1),
            Payload::ImportSection(imports) if self.in_module => {
                // One entry can hold several.
                for import in imports.clone().into_imports() {
                    import.map_err(|error| unreadable(&error))?;
                    self.imports += 1;
                    IMPORTS.check(self.imports)?;
                }
            }
            _ if self.in_module => {}
            Payload::ComponentSection { .. } => {
                self.levels += 1;
                LEVELS.check(self.levels)?;
            }
            Payload::ComponentTypeSection(types) => within_each_other(types, bytes)?,
            Payload::CoreTypeSection(_)
            | Payload::ComponentAliasSection(_)
            | Payload::ComponentImportSection(_)
            | Payload::ComponentExportSection(_)
            | Payload::CustomSection(_) => {}
            // Whatever else there is, or will be, does something.
            _ if self.levels > 0 => {
                self.inner += 1;
                INNER.check(self.inner)?;
            }
            Payload::ComponentInstanceSection(section) => {
                self.instances += u64::from(section.count());
                INSTANCES.check(self.instances)?;
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    match function.map_err(|error| unreadable(&error))? {
                        CanonicalFunction::Lift { .. } => self.lifted = true,
                        // Before the first is lifted there are none to lower but imported ones.
                        CanonicalFunction::Lower { .. } if self.lifted => {
                            self.adapters += 1;
                            ADAPTERS.check(self.adapters)?;
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        self.measure(payload)
    }

    /// Counts the bytes of a section of a component. Those of modules and components in it are their own, and custom ones are
    /// compiled by nobody.
    fn measure(&mut self, payload: &Payload<'_>) -> Result<(), Refusal> {
        use Payload::{ComponentSection, CustomSection, ModuleSection};
        if self.in_module || matches!(payload, ModuleSection { .. } | ComponentSection { .. } | CustomSection(_)) {
            return Ok(());
        }
        let range = payload.as_section().map(|(_, range)| range).unwrap_or_default();
        self.bytes = self.bytes.saturating_add(range.end.saturating_sub(range.start));
        BYTES.check(self.bytes)
    }
}

/// Looks at how deep the types of a section are, without reading one that holds others.
fn within_each_other(types: &ComponentTypeSectionReader<'_>, bytes: &[u8]) -> Result<(), Refusal> {
    let range = types.range();
    let place = |at: u64| usize::try_from(at).ok();
    let section = place(range.start).zip(place(range.end)).and_then(|(start, end)| bytes.get(start..end));
    let mut reader = BinaryReader::new(section.unwrap_or_default(), range.start);
    // What is left to read, of the section first and then of each type around the next byte.
    let mut left = vec![reader.read_var_u32().map_err(|error| unreadable(&error))?];
    while let Some(last) = left.last_mut() {
        let Some(rest) = last.checked_sub(1) else {
            left.pop();
            continue;
        };
        *last = rest;
        let in_section = left.len() == 1;
        if let Some(declarations) = next(&mut reader, in_section).map_err(|error| unreadable(&error))? {
            TYPES.check(count(left.len()))?;
            left.push(declarations);
        }
    }
    Ok(())
}

/// Reads the next type or declaration; of a type that holds declarations only its head, with how many.
fn next(reader: &mut BinaryReader<'_>, in_section: bool) -> Result<Option<u32>, BinaryReaderError> {
    let mut ahead = reader.clone();
    if !in_section && ahead.read_u8()? != 0x01 {
        reader.read::<ComponentTypeDeclaration<'_>>()?;
        return Ok(None);
    }
    *reader = ahead.clone();
    // The type of a component, and that of an instance.
    if matches!(ahead.read_u8()?, 0x41 | 0x42) {
        let declarations = ahead.read_var_u32()?;
        *reader = ahead;
        return Ok(Some(declarations));
    }
    reader.read::<ComponentType<'_>>()?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use wasm_encoder::{
        CanonicalFunctionSection, CanonicalOption, Component, ComponentExportKind, ComponentInstanceSection,
        ComponentSectionId, ComponentType, ComponentTypeSection, CustomSection, EntityType, ImportSection,
        InstanceSection, ModuleArg, ModuleSection, NestedComponentSection, RawSection, TypeSection,
    };

    use super::{ADAPTERS, BYTES, Bound, IMPORTS, INNER, INSTANCES, LEVELS, Refusal, TYPES};
    use crate::admission::structure::check;

    fn around(inner: &Component) -> Component {
        let mut component = Component::new();
        component.section(&NestedComponentSection(inner));
        component
    }

    fn levels(count: u64) -> Vec<u8> {
        (0..count).fold(Component::new(), |inner, _| around(&inner)).finish()
    }

    fn instances(count: u64) -> Component {
        let mut section = ComponentInstanceSection::new();
        for _ in 0..count {
            section.instantiate(0, [("", ComponentExportKind::Func, 0); 0]);
        }
        let mut component = Component::new();
        component.section(&section);
        component
    }

    /// Functions lowered, of which so many come after the first that is lifted.
    fn adapters(count: u64) -> Vec<u8> {
        let mut section = CanonicalFunctionSection::new();
        let options = [CanonicalOption::UTF8; 0];
        section.lower(0, options);
        section.lift(0, 0, options);
        (0..count).for_each(|_| {
            section.lower(1, options);
        });
        let mut component = Component::new();
        component.section(&section);
        component.finish()
    }

    fn types(depth: u64, of_instances: bool) -> Vec<u8> {
        let mut section = ComponentTypeSection::new();
        if of_instances {
            let deeper = |inner: &wasm_encoder::InstanceType| {
                let mut outer = wasm_encoder::InstanceType::new();
                outer.ty().instance(inner);
                // Another kind of declaration beside it.
                outer.export("a", wasm_encoder::ComponentTypeRef::Instance(0));
                outer
            };
            section.instance(&(1..depth).fold(wasm_encoder::InstanceType::new(), |inner, _| deeper(&inner)));
        } else {
            let deeper = |inner: &ComponentType| {
                let mut outer = ComponentType::new();
                outer.import("a", wasm_encoder::ComponentTypeRef::Type(wasm_encoder::TypeBounds::SubResource));
                outer.ty().component(inner);
                outer
            };
            section.component(&(1..depth).fold(ComponentType::new(), |inner, _| deeper(&inner)));
        }
        // And one that holds none: what follows is read, too.
        section.defined_type().list(wasm_encoder::ComponentValType::Type(0));
        let mut component = Component::new();
        component.section(&section);
        component.finish()
    }

    /// In two modules, since they are counted over all.
    fn imports(count: u64) -> Vec<u8> {
        let module = |count: u64| {
            let (mut types, mut section) = (TypeSection::new(), ImportSection::new());
            types.ty().function([], []);
            (0..count).for_each(|at| {
                section.import("", &at.to_string(), EntityType::Function(0));
            });
            let mut module = wasm_encoder::Module::new();
            module.section(&types).section(&section);
            module
        };
        let mut component = Component::new();
        component.section(&ModuleSection(&module(count / 2))).section(&ModuleSection(&module(count - count / 2)));
        component.finish()
    }

    /// In the component itself and in one in it, half each, beside a custom section that is not counted.
    fn bytes(count: u64) -> Vec<u8> {
        let half = |bytes: u64| {
            let mut component = Component::new();
            let data = vec![0; usize::try_from(bytes).unwrap()];
            component
                .section(&RawSection { id: ComponentSectionId::Alias.into(), data: &data })
                .section(&CustomSection { name: "a".into(), data: data.into() });
            component
        };
        let mut component = half(count / 2);
        component.section(&NestedComponentSection(&half(count - count / 2)));
        component.finish()
    }

    /// A component in it that has nothing, or an instance of a core module.
    fn inner(count: u64) -> Vec<u8> {
        let mut inner = Component::new();
        let mut section = InstanceSection::new();
        section.instantiate(0, [("", ModuleArg::Instance(0)); 0]);
        (0..count).for_each(|_| {
            inner.section(&section);
        });
        around(&inner).finish()
    }

    #[test]
    fn each_bound_is_kept_and_not_one_more() {
        type Make<'a> = &'a dyn Fn(u64) -> Vec<u8>;
        let cases: [(Bound, Make<'_>); 8] = [
            (LEVELS, &levels),
            (INNER, &inner),
            (INSTANCES, &|count| instances(count).finish()),
            (BYTES, &bytes),
            (ADAPTERS, &adapters),
            (TYPES, &|depth| types(depth, true)),
            (TYPES, &|depth| types(depth, false)),
            (IMPORTS, &imports),
        ];
        for (Bound { what, most }, of) in cases {
            assert_eq!(check(&of(most)), Ok(()), "{what}");
            assert_eq!(check(&of(most + 1)), Err(Refusal::Structure { found: most + 1, what, most }), "{what}");
        }
    }

    #[test]
    fn a_component_in_it_does_nothing() {
        let mut lifts = CanonicalFunctionSection::new();
        lifts.lift(0, 0, [CanonicalOption::UTF8; 0]);
        let mut with_lift = Component::new();
        with_lift.section(&lifts);
        let mut with_module = Component::new();
        with_module.section(&ModuleSection(&wasm_encoder::Module::new()));
        for inner in [instances(1), with_lift, with_module] {
            let refusal = check(&around(&inner).finish()).unwrap_err().to_string();
            assert_eq!(
                refusal,
                "the plugin has 1 instances, functions and modules of a component in it, and at most 0 are compiled here"
            );
        }
    }

    /// Half a million levels of components, and of types: told at the second and at the fifth.
    #[test]
    fn what_is_deep_is_refused_where_it_becomes_so() {
        let levels = 500_000;
        let (mut within, mut heads) = (8, Vec::new());
        for _ in 0..levels {
            // A component's own head, and that of the section in it: its length, seven bits at a time, in five bytes.
            let head: [u8; 14] = std::array::from_fn(|at| match at {
                0..8 => *b"\0asm\x0d\0\x01\0".get(at).unwrap(),
                8 => 4,
                at => u8::try_from((within >> (7 * (at - 9))) & 0x7f).unwrap() | if at < 13 { 0x80 } else { 0 },
            });
            within += head.len();
            heads.push(head);
        }
        let components = [heads.iter().rev().flatten().copied().collect(), Component::new().finish()].concat();
        let Bound { what, most } = LEVELS;
        assert_eq!(check(&components), Err(Refusal::Structure { found: 2, what, most }));
        let types = |levels: usize| {
            let types = [b"\x41\x01\x01".repeat(levels).as_slice(), b"\x41\x00"].concat();
            let mut component = Component::new();
            component.section(&RawSection { id: 7, data: &[b"\x01", types.as_slice()].concat() });
            component.finish()
        };
        assert_eq!(check(&types(3)), Ok(()));
        let Bound { what, most } = TYPES;
        assert_eq!(check(&types(levels)), Err(Refusal::Structure { found: 5, what, most }));
    }
}
