{#- A row cut's condition as it is run: in each filter, on the landed files to which it can be applied.
    Rows of other files pass; cut_states records that the cut was not applied to them, and why. -#}
{%- macro verdict(cut, unjudged) -%}
{%- set terms = [] -%}
{%- set files = unjudged.get(cut.name, {'all': []}) -%}
{%- set sides = {'object': ['landing'], 'spectrum': ['specz_landing'], 'pair': ['landing', 'specz_landing']} -%}
{%- set condition = cut_sql(cut) -%}
{%- for band in (bands() if '{band}' in condition else ['*']) -%}
    {%- set term = condition | replace('{band}', band) -%}
    {%- set skipped = files.get(band, []) -%}
    {%- if not skipped -%}
        {%- do terms.append('(' ~ term ~ ')' if band != '*' else term) -%}
    {%- elif skipped | length < files['all'] | length -%}
        {%- set elsewhere = [] -%}
        {%- for place in sides[cut.scope] -%}{%- do elsewhere.append(place ~ ' in (' ~ skipped | join(', ') ~ ')') -%}{%- endfor -%}
        {%- do terms.append('(' ~ elsewhere | join(' or ') ~ ' or (' ~ term ~ '))') -%}
    {%- endif -%}
{%- endfor -%}
{{ return(terms | join(' and ') if terms else 'true') }}
{%- endmacro -%}
