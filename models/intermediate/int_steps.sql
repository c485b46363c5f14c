-- The list of cuts as a table: one row per version and cut, in the order of application.
{% set names = built_versions() -%}
with steps as (
    select * from (values
        {%- for name in names %}
        {%- set outer = loop %}
        {%- for cut in version_cuts(name)['all'] %}
        (
            {{ text_literal(name) }}, cast({{ loop.index }} as bigint), {{ text_literal(cut.name) }},
            {{ text_literal(cut.group) }}, {{ text_literal(cut.section) }}, {{ text_literal(cut.why) }},
            {{ text_literal(cut.get('duplicates_by', '')) }}
        ){{ ',' if not (loop.last and outer.last) }}
        {%- endfor %}
        {%- endfor %}
    ) as listed(version, step, cut, cut_group, section, why, duplicates_by)
)

select * from steps
