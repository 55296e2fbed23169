package main

// The parts of Grafana's dashboard JSON that are used here, with its names. The order of fields is
// the order in the generated files.

type dashboard struct {
	UID           string      `json:"uid"`
	Title         string      `json:"title"`
	Description   string      `json:"description"`
	Tags          []string    `json:"tags"`
	Editable      bool        `json:"editable"`
	GraphTooltip  int         `json:"graphTooltip"`
	SchemaVersion int         `json:"schemaVersion"`
	Timezone      string      `json:"timezone"`
	Refresh       string      `json:"refresh"`
	Time          span        `json:"time"`
	Annotations   annotations `json:"annotations"`
	Templating    templating  `json:"templating"`
	Links         []link      `json:"links"`
	Panels        []panel     `json:"panels"`
}

type span struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type annotations struct {
	List []annotation `json:"list"`
}

type annotation struct {
	Name       string     `json:"name"`
	Datasource datasource `json:"datasource"`
	Enable     bool       `json:"enable"`
	Hide       bool       `json:"hide"`
	IconColor  string     `json:"iconColor"`
	Expr       string     `json:"expr"`
	TitleFmt   string     `json:"titleFormat"`
	TagKeys    string     `json:"tagKeys"`
	Step       string     `json:"step"`
}

type templating struct {
	List []variable `json:"list"`
}

type variable struct {
	Name       string      `json:"name"`
	Label      string      `json:"label"`
	Type       string      `json:"type"`
	Query      string      `json:"query"`
	Datasource *datasource `json:"datasource,omitempty"`
	Refresh    int         `json:"refresh"`
	Sort       int         `json:"sort"`
	Multi      bool        `json:"multi"`
	IncludeAll bool        `json:"includeAll"`
	AllValue   string      `json:"allValue,omitempty"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"`
	Icon        string   `json:"icon"`
	Tooltip     string   `json:"tooltip"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	TargetBlank bool     `json:"targetBlank"`
	KeepTime    bool     `json:"keepTime"`
}

type panel struct {
	ID          int          `json:"id"`
	Type        string       `json:"type"`
	Title       string       `json:"title"`
	Description string       `json:"description,omitempty"`
	GridPos     place        `json:"gridPos"`
	Collapsed   *bool        `json:"collapsed,omitempty"` // of rows
	Panels      *[]panel     `json:"panels,omitempty"`    // of rows; those of an open one are beside it
	Datasource  *datasource  `json:"datasource,omitempty"`
	FieldConfig *fieldConfig `json:"fieldConfig,omitempty"`
	Options     *options     `json:"options,omitempty"`
	Targets     []target     `json:"targets,omitempty"`
}

type place struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type target struct {
	RefID        string     `json:"refId"`
	Datasource   datasource `json:"datasource"`
	Expr         string     `json:"expr"`
	LegendFormat string     `json:"legendFormat"`
	Instant      bool       `json:"instant,omitempty"`
}

type fieldConfig struct {
	Defaults  field      `json:"defaults"`
	Overrides []struct{} `json:"overrides"`
}

type field struct {
	Unit       string      `json:"unit"`
	Min        *float64    `json:"min,omitempty"`
	Max        *float64    `json:"max,omitempty"`
	Color      *color      `json:"color,omitempty"`
	Thresholds *thresholds `json:"thresholds,omitempty"`
	Custom     *custom     `json:"custom,omitempty"`
}

type color struct {
	Mode string `json:"mode"`
}

type thresholds struct {
	Mode  string `json:"mode"`
	Steps []step `json:"steps"`
}

type step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// custom has the style of a graph.
type custom struct {
	LineWidth         int         `json:"lineWidth"`
	FillOpacity       int         `json:"fillOpacity"`
	ShowPoints        string      `json:"showPoints"`
	SpanNulls         bool        `json:"spanNulls"`
	Stacking          *stacking   `json:"stacking,omitempty"`
	ThresholdsStyle   *styleOf    `json:"thresholdsStyle,omitempty"`
	ScaleDistribution *scaleOfAxe `json:"scaleDistribution,omitempty"`
}

type stacking struct {
	Mode  string `json:"mode"`
	Group string `json:"group"`
}

type styleOf struct {
	Mode string `json:"mode"`
}

type scaleOfAxe struct {
	Type string `json:"type"`
	Log  int    `json:"log"`
}

// options has the options of graphs (legend, tooltip) and of figures (the rest).
type options struct {
	Legend        *legend    `json:"legend,omitempty"`
	Tooltip       *tooltip   `json:"tooltip,omitempty"`
	ReduceOptions *reduction `json:"reduceOptions,omitempty"`
	ColorMode     string     `json:"colorMode,omitempty"`
	GraphMode     string     `json:"graphMode,omitempty"`
	TextMode      string     `json:"textMode,omitempty"`
	JustifyMode   string     `json:"justifyMode,omitempty"`
	Orientation   string     `json:"orientation,omitempty"`
	WideLayout    *bool      `json:"wideLayout,omitempty"`
	ShowChange    *bool      `json:"showPercentChange,omitempty"`
	ChangeColors  string     `json:"percentChangeColorMode,omitempty"`
}

type legend struct {
	ShowLegend  bool     `json:"showLegend"`
	DisplayMode string   `json:"displayMode"`
	Placement   string   `json:"placement"`
	Calcs       []string `json:"calcs"`
}

type tooltip struct {
	Mode string `json:"mode"`
	Sort string `json:"sort"`
}

type reduction struct {
	Calcs  []string `json:"calcs"`
	Fields string   `json:"fields"`
	Values bool     `json:"values"`
}
