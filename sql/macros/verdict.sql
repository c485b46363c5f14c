{#- A row cut's condition as it is run: in each filter on the landed files that can be judged there.
    A file that cannot be judged passes: cut_states says that it was not judged, and why. -#}
{%- macro verdict(cut, unjudged, landing='landing') -%}
{%- set terms = [] -%}
{%- set files = unjudged.get(cut.name, {'all': []}) -%}
{%- for band in (bands() if '{band}' in cut.sql else ['*']) -%}
    {%- set term = cut.sql | replace('{band}', band) -%}
    {%- set skipped = files.get(band, []) -%}
    {%- if not skipped -%}
        {%- do terms.append(term) -%}
    {%- elif skipped | length < files['all'] | length -%}
        {%- do terms.append('(' ~ landing ~ ' in (' ~ skipped | join(', ') ~ ') or (' ~ term ~ '))') -%}
    {%- endif -%}
{%- endfor -%}
{{ return(terms | join(' and ') if terms else 'true') }}
{%- endmacro -%}
